import Basis

// Entering and leaving the ring, and the exchanges that keep views equal.

extension Membership {
    /// Enters the ring and contacts some of its members.
    mutating func activate(at now: MonotonicInstant, using rng: inout some RandomNumberGenerator) {
        self.phase = .active
        self.isIntroduced = false
        // Members that start together must not probe in step.
        self.nextProbe = now + self.fraction(of: self.settings.probeInterval, using: &rng)
        self.nextExchange =
            now + self.settings.exchangeInterval
            + self.fraction(of: self.settings.exchangeInterval, using: &rng)
        self.nextHeal = now + self.settings.healInterval + self.fraction(of: self.settings.healInterval, using: &rng)
        if self.view.config.index(of: self.local.id) == nil || self.incarnation > 0 {
            self.announce(.alive)
        }
        // Those of before a goodbye ended with it; who is still suspect has the same time once more.
        for update in self.view.differences where update.state == .suspect {
            self.suspicions.append(
                Suspicion(update, members: self.view.liveCount, settings: self.settings, at: now))
        }
        for node in self.randomMembers(self.settings.startContacts, using: &rng, where: { $1 == .alive }) {
            self.exchange(with: node, using: &rng)
        }
    }

    mutating func join(
        _ seed: MemberDescription, at now: MonotonicInstant, using rng: inout some RandomNumberGenerator
    ) {
        guard seed.id != self.local.id, seed.fitsIntoUpdate else { return }
        switch self.phase {
        case .leaving:
            // The goodbyes are under way; whoever wants the node back asks again once it has departed.
            return
        case .idle:
            self.activate(at: now, using: &rng)
        case .departed:
            self.incarnation = Self.outranking(self.incarnation)
            self.activate(at: now, using: &rng)
        case .active:
            break
        }
        self.hear(MemberUpdate(member: seed, state: .alive, incarnation: 0), at: now)
        self.exchange(with: seed.id, using: &rng)
    }

    /// Says goodbye to some members, who spread it.
    mutating func leave(using rng: inout some RandomNumberGenerator) {
        switch self.phase {
        case .leaving:
            return
        case .idle, .departed:
            self.phase = .departed
            self.emit(.departed)
        case .active:
            self.announce(.left)
            self.round = nil
            self.suspicions = []
            let listeners = self.randomMembers(self.settings.goodbyes, using: &rng) { $1 == .alive }
            self.phase = .leaving(goodbyes: listeners.count)
            for node in listeners {
                self.send(
                    .probe(gossip: self.takeGossip(for: node)), to: node, for: .goodbye,
                    timeout: self.settings.exchangeTimeout)
            }
            self.departIfAllToldGoodbye()
        }
    }

    private mutating func departIfAllToldGoodbye() {
        guard case .leaving(goodbyes: 0) = self.phase else { return }
        self.phase = .departed
        self.emit(.departed)
    }

    /// Once per probe interval: exchanges and healing, when they are due.
    mutating func makeContacts(at now: MonotonicInstant, using rng: inout some RandomNumberGenerator) {
        if now >= self.nextExchange || !self.isIntroduced {
            self.nextExchange = now + self.settings.exchangeInterval
            // One that was never answered asks whomever it may: all could have seemed silent before it was reachable.
            let isIntroduced = self.isIntroduced
            for node in self.randomMembers(1, using: &rng, where: { $1 == .alive || !isIntroduced }) {
                self.exchange(with: node, using: &rng)
            }
        }
        if now >= self.nextHeal {
            self.nextHeal = now + self.settings.healInterval
            self.forgetOldTombstones(at: now)
            self.contactDeadMember(using: &rng)
        }
    }

    private mutating func contactDeadMember(using rng: inout some RandomNumberGenerator) {
        let wanted = self.view.deadCount * self.settings.healRedundancy
        guard wanted > 0, Int.random(in: 0..<max(1, self.view.liveCount), using: &rng) < wanted,
            let member = self.view.deadMembers.randomElement(using: &rng)
        else { return }
        self.exchange(with: member, using: &rng)
    }

    /// Exchanges what is known with `node`, unless that is under way or too many exchanges are.
    mutating func exchange(with node: NodeID, using rng: inout some RandomNumberGenerator) {
        let underWay = self.requests.filter { $0.purpose == .exchange }
        guard underWay.count < self.settings.exchangesMax, !underWay.contains(where: { $0.to == node }) else { return }
        let message = MembershipMessage.exchange(
            updates: self.knowledge(beyondConfig: true, using: &rng), ring: self.view.config.digest)
        self.send(message, to: node, for: .exchange, timeout: self.settings.exchangeTimeout)
    }

    /// A random part of `duration`.
    private func fraction(of duration: Duration, using rng: inout some RandomNumberGenerator) -> Duration {
        .nanoseconds(Int64.random(in: 0...max(0, duration.inNanoseconds), using: &rng))
    }
}

// MARK: - Answers

extension Membership {
    /// Takes in the answer to a request; nil when none came. An answer to no request of this machine is ignored.
    mutating func complete(
        _ id: RequestID, with reply: MembershipReply?, at now: MonotonicInstant,
        using rng: inout some RandomNumberGenerator
    ) {
        guard let index = self.requests.firstIndex(where: { $0.id == id }) else { return }
        let request = self.requests.remove(at: index)
        if let reply {
            let isExchange = if case .exchange = reply { true } else { false }
            self.hear(reply.updates, from: request.to, inExchange: isExchange, at: now)
        }
        switch request.purpose {
        case .probe(let round):
            self.directProbeEnded(round: round, answered: reply != nil, at: now, using: &rng)
        case .probeRequest(let round):
            self.relayEnded(round: round, reply: reply, at: now)
        case .relay(let relay, let sender):
            self.relayedProbeEnded(relay, for: sender, answered: reply != nil)
        case .exchange:
            self.isIntroduced = self.isIntroduced || reply != nil
        case .goodbye:
            guard case .leaving(let goodbyes) = self.phase else { return }
            self.phase = .leaving(goodbyes: goodbyes - 1)
            self.departIfAllToldGoodbye()
        }
    }
}
