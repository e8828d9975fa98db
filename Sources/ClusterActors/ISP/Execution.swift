import Basis
import Hypervisor
import OrderedCollections
import Placement

/// Carries a plan out: step by step, the migrations of one step together, each ordered at its source.
extension NodeAgent {
    func execute(_ plan: ReconfigurationPlan, for isp: ISPID) async -> ExecutionReport {
        var moved = 0
        var failure: String?
        for (index, step) in plan.steps.enumerated() where failure == nil {
            guard self.ownISP?.isCancelled == false, !Task.isCancelled else { break }
            let results = await self.carryOut(step, for: isp)
            moved += results.count { $0 == .moved }
            failure = Self.firstFailure(in: results)
            if failure == nil { self.releaseFinished(plan, after: index, isp) }
        }
        let isCancelled = self.ownISP?.isCancelled ?? true
        if isCancelled, failure == nil, moved < plan.migrations.count { failure = "cancelled" }
        self.ownISP?.summary.migrations += moved
        return ExecutionReport(moved: moved, failure: failure, isCancelled: isCancelled)
    }

    private static func firstFailure(in results: [ActionResult]) -> String? {
        for result in results {
            switch result {
            case .moved: continue
            case .failed(let reason), .inDoubt(let reason): return reason
            }
        }
        return nil
    }

    private func carryOut(_ step: [Migration], for isp: ISPID) async -> [ActionResult] {
        await withTaskGroup(of: ActionResult.self) { group in
            for migration in step { group.addTask { await self.migrate(migration, for: isp) } }
            var results: [ActionResult] = []
            for await result in group { results.append(result) }
            return results
        }
    }

    /// A node that no later action names is released at once, and forgotten. The own node stays to the end.
    private func releaseFinished(_ plan: ReconfigurationPlan, after index: Int, _ isp: ISPID) {
        let needed = Set(plan.steps.dropFirst(index + 1).joined().flatMap { [$0.from, $0.to] })
        for node in plan.nodes where node != self.id && !needed.contains(node) {
            guard let epoch = self.ownISP?.procedure.memberReleased(node) else { continue }
            self.release(node, Token(isp: isp, epoch: epoch), countingFor: isp)
        }
    }

    private func migrate(_ migration: Migration, for isp: ISPID) async -> ActionResult {
        guard let action = self.ownISP?.nextAction(), let partition = self.ownISP?.procedure.partition,
            let source = partition[migration.from], let destination = partition[migration.to]
        else {
            return .failed(reason: "\(migration.from) or \(migration.to) was lost before \(migration.vm) was moved")
        }
        let order = MigrateOrder(
            token: Token(isp: isp, epoch: source.epoch), action: action, vm: migration.vm,
            destination: migration.to, destinationEpoch: destination.epoch)
        let memoryMiB = source.snapshot.vms.first { $0.id == migration.vm }?.demand.memoryMiB ?? 0
        self.ownISP?.actionBells[action] = Bell()
        self.tell(
            .migrationOrdered(
                action, migration.vm, from: migration.from, to: migration.to, reason: "\(migration.reason)"))
        let began = self.now
        let result = await self.follow(order, from: migration.from)
        self.ownISP?.actionBells[action] = nil
        if result == .moved { self.ownISP?.summary.movedMiB += memoryMiB }
        self.tell(
            .migrationEnded(
                action, migration.vm, from: migration.from, to: migration.to, result, duration: self.now - began,
                memoryMiB: memoryMiB))
        return result
    }

    /// Orders one action and asks for its result with the same message until it is known.
    ///
    /// An order that was never heard to be accepted is given up with the leases, though its answer alone may have been
    /// lost: a source begins nothing with a guest that is on its way already, so a second order does no harm.
    private func follow(_ order: MigrateOrder, from source: NodeID) async -> ActionResult {
        let isp = order.token.isp
        var isAccepted = false
        while let own = self.ownISP, own.procedure.isp == isp, !own.isCancelled, !Task.isCancelled {
            if !isAccepted, let lost = self.lostBeforeOrder(order, from: source) { return .failed(reason: lost) }
            switch await self.ask(source, .migrate(order), for: isp) {
            case .migrate(.done(let result)):
                return result
            case .migrate(.refused(let reason)):
                return .failed(reason: reason)
            case .migrate(.stale):
                return .failed(reason: "\(source) is no longer held by \(isp)")
            case .migrate(.accepted), .migrate(.running(nil)):
                isAccepted = true
            case .migrate(.running(let progress?)):
                isAccepted = true
                self.tell(.migrationProgress(order.action, order.vm, progress))
            case .migrate(.busy):
                break
            case .reserve, .renew, .released, .noted, .incoming, .handover, .wait, .membership, .stopping, nil:
                if self.isGone(source) { return .inDoubt(reason: "\(source) died while \(order.vm) was to leave it") }
            }
            let bell = self.ownISP?.actionBells[order.action] ?? own.bell
            await bell.wait(until: self.now + self.settings.timings.actionPoll, on: self.ports.time)
        }
        return .failed(reason: "the ISP was cancelled; \(source) settles the migration of \(order.vm) itself")
    }

    /// §8.4: no order is sent unless both leases certainly stand. This saves refusals; safety does not rest on it.
    private func lostBeforeOrder(_ order: MigrateOrder, from source: NodeID) -> String? {
        guard let partition = self.ownISP?.procedure.partition else { return "the ISP is over" }
        for node in [source, order.destination] {
            guard let member = partition[node] else { return "\(node) was lost before \(order.vm) was moved" }
            if node != self.id, !self.isFresh(member) { return "the lease of \(node) may have ended" }
        }
        return nil
    }

    /// Confirmed dead for so long that its flights have ended for everybody else.
    private func isGone(_ node: NodeID) -> Bool {
        guard let since = self.deadSince[node] else { return false }
        return self.now - since >= self.settings.timings.deadInitiatorGrace
    }
}
