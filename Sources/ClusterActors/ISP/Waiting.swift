import Basis
import OrderedCollections

/// A blocked ISP: it polls those it met, and trusts no notice to come (PROTOCOL.md §5, §6).
extension NodeAgent {
    func wait(_ isp: ISPID, on others: [ISPID]) async -> Procedure.Event {
        self.tell(.waits(isp, on: others))
        let deadline = self.now + self.settings.timings.blockedWait
        while let own = self.ownISP, own.procedure.isp == isp, !own.isCancelled, !Task.isCancelled {
            if let winner = own.yieldTo { return .toldToYield(to: winner) }
            guard own.applied != nil || self.holds(own.trigger) else { return .rested }
            guard self.now < deadline else { return .waitedLongEnough }
            for other in others {
                if let event = await self.poll(other, key: own.procedure.key) { return event }
            }
            if let winner = self.ownISP?.yieldTo { return .toldToYield(to: winner) }
            await own.bell.wait(
                until: min(deadline, self.now + self.settings.timings.waitPoll), on: self.ports.time)
        }
        return .cancelled
    }

    private func poll(_ other: ISPID, key: ISPKey) async -> Procedure.Event? {
        switch await self.ask(other.node, .wait(isp: key.isp, key: key, on: other, holding: true), for: key.isp) {
        case .wait(.ended):
            return .metEnded(other)
        case .wait(.yield):
            return .toldToYield(to: other)
        case .wait(.wait):
            return nil
        case .reserve, .renew, .released, .migrate, .noted, .incoming, .handover, .membership, .stopping, nil:
            return self.isSurelyOver(other) ? .metEnded(other) : nil
        }
    }

    /// T6: the initiator is confirmed dead, for longer than anything it held can last.
    func isSurelyOver(_ isp: ISPID) -> Bool {
        guard let since = self.deadSince[isp.node] else { return false }
        return self.now - since >= self.settings.timings.deadInitiatorGrace
    }

    func rest(_ isp: ISPID, for duration: Duration) async -> Procedure.Event {
        let deadline = self.now + duration
        while self.now < deadline, let own = self.ownISP, own.procedure.isp == isp {
            if let winner = own.yieldTo { return .toldToYield(to: winner) }
            if own.isCancelled || Task.isCancelled { return .cancelled }
            await own.bell.wait(until: deadline, on: self.ports.time)
        }
        return .rested
    }
}
