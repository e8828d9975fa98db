import Basis
import NIOCore
import Transport

/// Carries out what the membership machine asks for, and tells it what came of it.
extension NodeAgent {
    func keepMembership() async {
        self.carryOut(self.membership.handle(.start, at: self.now, using: &self.generator))
        while !self.membershipBell.isClosed {
            self.membershipSleepsUntil = self.membershipWakeAt
            await self.membershipBell.waitUntilClosed(or: self.membershipSleepsUntil, on: self.ports.time)
            self.membershipSleepsUntil = .zero
            if self.now >= self.membershipWakeAt {
                self.membershipWakeAt = .distantFuture
                self.carryOut(self.membership.handle(.wake, at: self.now, using: &self.generator))
            }
        }
    }

    func beginMembership(_ message: MembershipMessage, from node: NodeID) -> Handling {
        let (answer, effects) = self.membership.answer(message, from: node, at: self.now, using: &self.generator)
        switch answer {
        case .now(let reply):
            self.carryOut(effects)
            return .done(.membership(reply))
        case .later where self.work.isFinished:
            // Nobody would make the probe any more.
            return .done(.membership(.targetSilent(gossip: [])))
        case .later(let relay):
            return .waits { .membership(await self.relay(relay, effects)) }
        }
    }

    private func relay(_ relay: Membership.RelayID, _ effects: [Membership.Effect]) async -> MembershipReply {
        await withCheckedContinuation { continuation in
            self.relays[relay] = continuation
            self.carryOut(effects)
        }
    }

    /// Somebody did not answer an ISP: the failure detector looks at it next.
    func reportSilent(_ node: NodeID) {
        self.carryOut(self.membership.handle(.foundSilent(node), at: self.now, using: &self.generator))
    }

    /// Enters the ring of `seed`, or enters it again after leaving.
    ///
    /// - Returns: nil when it was begun, else why not.
    @discardableResult
    package func join(seed: MemberDescription) -> String? {
        guard seed.id != self.id else { return "\(self.id) cannot join itself" }
        guard seed.fitsIntoUpdate else { return "the address, site or rack of \(seed.id) is too long" }
        guard !self.membership.isSayingGoodbye else {
            return "\(self.id) is saying goodbye; ask again in a few seconds"
        }
        self.isLeaving = false
        self.carryOut(self.membership.handle(.join(seed: seed), at: self.now, using: &self.generator))
        self.monitorBell.ring()
        return nil
    }

    /// Ends what runs here in good order, as far as that is done within `grace`, and leaves the ring; ``join(seed:)``
    /// enters it again.
    package func leave(grace: Duration) async {
        let deadline = self.now + grace
        self.isLeaving = true
        self.ownISP?.cancel()
        self.abortOutgoing()
        while self.now < deadline, !Task.isCancelled,
            self.ownISP != nil || !self.finishing.isEmpty || self.reservation.flightCount > 0
        {
            // No bell: each has one who waits for it already.
            try? await self.ports.time.sleep(until: min(deadline, self.now + Self.leaveLook))
        }
        await self.sayGoodbye()
    }

    /// How often a leaving agent looks whether everything has ended.
    private static let leaveLook = Duration.milliseconds(100)

    /// Returns when the goodbyes were answered or timed out.
    private func sayGoodbye() async {
        await withCheckedContinuation { continuation in
            self.departures.append(continuation)
            self.carryOut(self.membership.handle(.leave, at: self.now, using: &self.generator))
        }
    }

    private func carryOut(_ effects: [Membership.Effect]) {
        for effect in effects {
            switch effect {
            case .send(let request, let node, let message, let timeout):
                let body = MessageCodec.encode(.membership(message))
                self.spawn { await self.send(body, as: request, to: node, timeout: timeout) }
            case .answer(let relay, let reply):
                self.relays.removeValue(forKey: relay)?.resume(returning: reply)
            case .wake(let instant):
                self.membershipWakeAt = instant
                // Who wakes too early only looks again; who would wake too late must be told.
                if instant < self.membershipSleepsUntil { self.membershipBell.ring() }
            case .viewChanged(let change):
                self.ports.members?.memberChanged(change.member, to: change.new)
                self.tell(.memberChanged(change.member.id, change.new))
                if change.new == .dead || change.new == .left { self.deadSince[change.member.id] = self.now }
                if change.new == .alive {
                    self.deadSince[change.member.id] = nil
                    if change.old != .suspect { self.watch.lookAgain(at: self.now, using: &self.generator) }
                }
            case .forgotten(let member):
                self.ports.members?.memberForgotten(member)
                self.deadSince[member] = nil
            case .departed:
                for departure in self.departures { departure.resume() }
                self.departures = []
            }
        }
    }

    private func send(
        _ body: ByteBuffer, as request: Membership.RequestID, to node: NodeID, timeout: Duration
    ) async {
        let reply = await self.exchange(body, with: node, timeout: timeout)
        self.takeReply(reply, to: request, from: node)
    }

    private func takeReply(_ body: ByteBuffer?, to request: Membership.RequestID, from node: NodeID) {
        let event: Membership.Event
        if case .membership(let reply) = body.flatMap({ self.read($0, from: node) }) {
            event = .replied(request, reply)
        } else {
            event = .failed(request)
        }
        self.carryOut(self.membership.handle(event, at: self.now, using: &self.generator))
    }
}
