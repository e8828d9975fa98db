import Basis

// What is heard about members, and what is told.

extension Membership {
    /// Takes in what `sender` says about members.
    mutating func hear(_ updates: [MemberUpdate], from sender: NodeID, inExchange: Bool, at now: MonotonicInstant) {
        for var update in updates {
            if inExchange, update.state == .dead, self.view.state(of: update.member.id)?.isLive == true {
                // After a network split each side takes the other for dead. What one side concluded is a suspicion
                // to the other, and the member gets the time to refute it.
                update.state = .suspect
                update.accuser = sender
            }
            self.hear(update, at: now)
        }
    }

    /// Takes in one fact, and passes it on if it is news.
    mutating func hear(_ update: MemberUpdate, at now: MonotonicInstant) {
        // With the highest one a member may only refute: so there is always one to outrank what is said about it.
        guard
            update.incarnation < Self.incarnationMax
                || update.incarnation == Self.incarnationMax && update.state == .alive
        else { return }
        guard update.member.id != self.local.id else { return self.hearOfSelf(update) }
        let known = self.view.state(of: update.member.id)
        if known == nil {
            // Nobody needs to know of a member that is gone already.
            guard update.state.isLive, self.view.joinedCount < self.settings.joinedMax else { return }
        }
        if let change = self.apply(update) {
            self.gossip.enqueue(update, limit: self.settings.gossipQueueMax)
            self.follow(change, update: update, at: now)
        } else if update.state == .suspect, let accuser = update.accuser,
            let index = self.suspicions.firstIndex(where: { $0.member == update.member.id }),
            self.suspicions[index].incarnation == update.incarnation,
            self.suspicions[index].confirm(by: accuser)
        {
            self.gossip.enqueue(update, limit: self.settings.gossipQueueMax)
        }
    }

    /// Starts and ends suspicions and tombstones as the view changed.
    private mutating func follow(_ change: MemberChange, update: MemberUpdate, at now: MonotonicInstant) {
        let member = change.member.id
        self.suspicions.removeAll { $0.member == member }
        switch change.new {
        case .suspect:
            self.suspicions.append(
                Suspicion(update, members: self.view.liveCount, settings: self.settings, at: now))
        case .alive:
            self.tombstones.removeAll { $0.member == member }
        case .dead, .left:
            guard self.view.config.index(of: member) == nil, !self.tombstones.contains(where: { $0.member == member })
            else { return }
            self.tombstones.append(Tombstone(member: member, since: now))
        }
    }

    /// Refutes what others say about this node, unless it has said goodbye.
    private mutating func hearOfSelf(_ update: MemberUpdate) {
        guard self.phase == .active else { return }
        switch update.state {
        case .alive:
            // Said by an earlier start of this node whose boot number could not be stored.
            guard update.incarnation > self.incarnation else { return }
            self.incarnation = Self.outranking(update.incarnation)
        case .suspect, .dead, .left:
            if update.incarnation >= self.incarnation {
                self.incarnation = Self.outranking(update.incarnation)
                self.health.worsen()
            }
        }
        self.announce(.alive)
    }

    /// Says in what state this node is.
    mutating func announce(_ state: MemberState) {
        let update = MemberUpdate(member: self.local, state: state, incarnation: self.incarnation)
        _ = self.apply(update)
        self.gossip.enqueue(update, limit: self.settings.gossipQueueMax)
    }

    /// Declares dead the suspects whose time is up.
    mutating func confirmSuspicions(at now: MonotonicInstant) {
        for suspicion in self.suspicions where suspicion.deadline <= now {
            guard let member = self.view.description(of: suspicion.member) else { continue }
            let verdict = MemberUpdate(
                member: member, state: .dead, incarnation: suspicion.incarnation, accuser: self.local.id)
            self.hear(verdict, at: now)
        }
    }

    mutating func forgetOldTombstones(at now: MonotonicInstant) {
        while let oldest = self.tombstones.first, now - oldest.since > self.settings.tombstoneRetention {
            self.tombstones.removeFirst()
            self.forget(oldest.member)
        }
    }
}

// MARK: - Telling

extension Membership {
    /// The gossip for one message to `peer`; first, what is said about `peer` itself, so that it can refute it.
    mutating func takeGossip(for peer: NodeID) -> [MemberUpdate] {
        var updates: [MemberUpdate] = []
        var bytesLeft = self.settings.gossipBytesMax
        if var aboutPeer = self.view.update(about: peer), aboutPeer.state != .alive {
            aboutPeer.accuser = self.suspicions.first { $0.member == peer }?.accusers.first
            bytesLeft -= aboutPeer.bytesBound
            updates.append(aboutPeer)
        }
        let transmissions = self.settings.gossipTransmissions(members: self.view.liveCount)
        return updates + self.gossip.take(bytesMax: bytesLeft, transmissions: transmissions)
    }

    /// What this node knows: this node itself, and what differs from its ring config, or all members.
    ///
    /// When that is more than a message carries, a random stretch of it.
    func knowledge(beyondConfig: Bool, using rng: inout some RandomNumberGenerator) -> [MemberUpdate] {
        let known = (beyondConfig ? self.view.differences : self.view.everything)
            .filter { $0.member.id != self.local.id }
        var updates = [self.view.update(about: self.local.id)].compactMap(\.self)
        guard !known.isEmpty else { return updates }
        var bytesLeft = self.settings.exchangeBytesMax - updates.reduce(0) { $0 + $1.bytesBound }
        let start = Int.random(in: 0..<known.count, using: &rng)
        for update in known[start...] + known[..<start] {
            bytesLeft -= update.bytesBound
            guard bytesLeft >= 0, updates.count < MembershipMessage.updatesMax else { break }
            updates.append(update)
        }
        return updates
    }
}
