import Basis

/// One member being probed, first directly, then through others.
struct ProbeRound: Sendable {
    var number: UInt64
    var target: NodeID
    /// Of the target when the round began: a refutation since then is not to be accused.
    var incarnation: UInt64
    var startedAt: MonotonicInstant
    /// How many members were asked to probe it.
    var relays = 0
    /// How many of them have answered that it is silent, and how many have not answered at all.
    var silent = 0
    var missing = 0
}

extension Membership {
    /// Does what is due: confirms suspicions whose time is up, and once per interval probes and contacts.
    mutating func wake(at now: MonotonicInstant, using rng: inout some RandomNumberGenerator) {
        guard self.phase == .active else { return }
        self.allowForLateness(at: now)
        self.confirmSuspicions(at: now)
        guard now >= self.nextProbe else { return }
        self.nextProbe = now + self.settings.probeInterval * self.health.factor
        self.startRound(at: now, using: &rng)
        self.makeContacts(at: now, using: &rng)
    }

    /// A node that did not run has not heard refutations: that time does not count against the suspects.
    private mutating func allowForLateness(at now: MonotonicInstant) {
        let lateness = self.takeLateness(at: now)
        guard lateness > self.settings.probeInterval else { return }
        self.health.worsen()
        for index in self.suspicions.indices {
            self.suspicions[index].postpone(by: lateness)
        }
    }

    mutating func note(silent node: NodeID) {
        guard self.phase == .active, node != self.local.id, self.view.state(of: node)?.isLive == true,
            self.hints.count < self.settings.hintsMax, !self.hints.contains(node)
        else { return }
        self.hints.append(node)
    }
}

// MARK: - The probing side

extension Membership {
    private mutating func startRound(at now: MonotonicInstant, using rng: inout some RandomNumberGenerator) {
        if let unfinished = self.round {
            // A round ends within an interval unless this node is late to see its answers: then wait for them once.
            let patience = self.settings.probeInterval * (2 * self.health.factor)
            guard now - unfinished.startedAt > patience else { return }
            self.abandon(unfinished)
        }
        guard let target = self.nextTarget(using: &rng), let status = self.view.status(of: target) else { return }
        self.roundsStarted += 1
        self.round = ProbeRound(
            number: self.roundsStarted, target: target, incarnation: status.incarnation, startedAt: now)
        self.send(
            .probe(gossip: self.takeGossip(for: target)), to: target, for: .probe(round: self.roundsStarted),
            timeout: self.settings.probeTimeout * self.health.factor)
    }

    /// Gives a round up without a verdict: it says something about this node only.
    private mutating func abandon(_ round: ProbeRound) {
        self.requests.removeAll {
            $0.purpose == .probe(round: round.number) || $0.purpose == .probeRequest(round: round.number)
        }
        self.round = nil
        self.health.worsen()
    }

    /// The live member to probe next: hints first, then each in its turn (SWIM §4.3). Nil when there is no other.
    private mutating func nextTarget(using rng: inout some RandomNumberGenerator) -> NodeID? {
        while !self.hints.isEmpty {
            let hinted = self.hints.removeFirst()
            if self.view.state(of: hinted)?.isLive == true { return hinted }
        }
        guard self.view.liveCount > 1 else { return nil }
        // The rest of this pass and the whole of the next one: a live member that stands in neither is this node.
        for _ in 0..<2 {
            while let ordinal = self.probeOrder.next() {
                if let (node, state) = self.view.member(atOrdinal: ordinal), state.isLive, node != self.local.id {
                    return node
                }
            }
            self.probeOrder = ShuffledOrdinals(count: self.view.count, using: &rng)
        }
        return nil
    }

    /// The answer to a direct probe, or that there is none: then others try.
    mutating func directProbeEnded(
        round number: UInt64, answered: Bool, at now: MonotonicInstant, using rng: inout some RandomNumberGenerator
    ) {
        guard var round = self.round, round.number == number else { return }
        guard !answered else { return self.roundSucceeded() }
        let target = round.target
        let relays = self.randomMembers(self.settings.indirectProbes, using: &rng) { $0 != target && $1 == .alive }
        round.relays = relays.count
        self.round = round
        guard !relays.isEmpty else { return self.roundFailed(round, at: now) }
        for relay in relays {
            self.send(
                .probeRequest(target: target, gossip: self.takeGossip(for: relay)), to: relay,
                for: .probeRequest(round: number), timeout: self.settings.probeTimeout * (2 * self.health.factor))
        }
    }

    /// What a relay answered, or nil.
    mutating func relayEnded(round number: UInt64, reply: MembershipReply?, at now: MonotonicInstant) {
        guard var round = self.round, round.number == number else { return }
        switch reply {
        case .targetAlive: return self.roundSucceeded()
        case .targetSilent: round.silent += 1
        case .alive, .exchange, nil: round.missing += 1
        }
        self.round = round
        if round.silent + round.missing == round.relays {
            self.roundFailed(round, at: now)
        }
    }

    private mutating func roundSucceeded() {
        self.round = nil
        self.health.improve()
    }

    /// Accuses the target; and this node itself of each answer that a relay should have given.
    private mutating func roundFailed(_ round: ProbeRound, at now: MonotonicInstant) {
        self.round = nil
        self.health.worsen(by: round.relays > 0 ? round.missing : 1)
        guard let member = self.view.description(of: round.target) else { return }
        let accusation = MemberUpdate(
            member: member, state: .suspect, incarnation: round.incarnation, accuser: self.local.id)
        self.hear(accusation, at: now)
    }

    /// Up to `count` different members, without this node.
    func randomMembers(
        _ count: Int, using rng: inout some RandomNumberGenerator, where isWanted: (NodeID, MemberState) -> Bool
    ) -> [NodeID] {
        var chosen: [NodeID] = []
        guard count > 0 else { return chosen }
        for ordinal in ShuffledOrdinals(count: self.view.count, using: &rng) {
            guard let (node, state) = self.view.member(atOrdinal: ordinal), node != self.local.id,
                isWanted(node, state)
            else { continue }
            chosen.append(node)
            if chosen.count == count { break }
        }
        return chosen
    }
}

// MARK: - The relay's side

extension Membership {
    /// Probes `target` because another could not reach it.
    mutating func relayProbe(to target: NodeID, for sender: NodeID) -> Answer {
        if target == self.local.id {
            return .now(.targetAlive(gossip: self.takeGossip(for: sender)))
        }
        let underWay = self.requests.count { if case .relay = $0.purpose { true } else { false } }
        guard self.view.state(of: target) != nil, underWay < self.settings.relaysMax else {
            return .now(.targetSilent(gossip: self.takeGossip(for: sender)))
        }
        let relay = self.makeRelayID()
        self.send(
            .probe(gossip: self.takeGossip(for: target)), to: target, for: .relay(relay, for: sender),
            timeout: self.settings.probeTimeout)
        return .later(relay)
    }

    mutating func relayedProbeEnded(_ relay: RelayID, for sender: NodeID, answered: Bool) {
        let gossip = self.takeGossip(for: sender)
        self.emit(.answer(relay, answered ? .targetAlive(gossip: gossip) : .targetSilent(gossip: gossip)))
    }
}
