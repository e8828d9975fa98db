import Basis
import Hypervisor
import Placement

/// Every request has an answer in every state (PROTOCOL.md §3).
extension NodeAgent {
    /// The longest wall-clock lead a foreign birth may have before it is ignored, in milliseconds: a peer whose clock
    /// is years ahead must not drag every clock of the ring with it.
    static let birthLeadMaxMilliseconds: UInt64 = 86_400_000

    func handle(_ request: Request, from node: NodeID) async -> Reply {
        switch self.begin(request, from: node) {
        case .done(let reply): reply
        case .waits(let work): await work()
        }
    }

    /// How a request is answered.
    enum Handling {
        typealias Work = nonisolated(nonsending) @Sendable () async -> Reply

        case done(Reply)
        /// The hypervisor, the disk or another node is asked first. To be started in the same turn.
        case waits(Work)
    }

    /// Answers a request in this turn, as far as that can be done.
    func begin(_ request: Request, from node: NodeID) -> Handling {
        switch request {
        case .reserve(let isp, let key, _):
            .done(.reserve(self.answerReserve(isp, key: key, from: node)))
        case .renew(let token, let firstOut, let wantSnapshot):
            .done(.renew(self.answerRenew(token, firstOut: firstOut, wantSnapshot: wantSnapshot, from: node)))
        case .release(let token):
            .done(self.answerRelease(token, from: node))
        case .migrate(let order):
            .done(.migrate(self.answerMigrate(order, from: node)))
        case .actionDone(let action, let result):
            .done(self.takeActionDone(action, result))
        case .incoming(let order):
            .waits { .incoming(await self.answerIncoming(order, from: node)) }
        case .handover(let action, let vm, let phase):
            .waits { .handover(await self.answerHandover(action, vm: vm, phase: phase, from: node)) }
        case .wait(let isp, let key, let asked, let holding):
            .done(.wait(self.answerWait(isp, key: key, on: asked, holding: holding, from: node)))
        case .ended(let isp):
            .done(self.takeEnded(isp, from: node))
        case .membership(let message):
            self.beginMembership(message, from: node)
        }
    }

    // MARK: - Reservation

    private func answerReserve(_ isp: ISPID, key: ISPKey, from node: NodeID) -> ReserveReply {
        self.noteBirth(key.birth)
        // An ISP is commanded by its own initiator only; nobody else may ask in its name.
        guard isp.node == node, key.isp == isp else { return .refused(.maintenance) }
        guard !self.isLeaving else { return .refused(.leaving) }
        guard !self.reservation.isRecovering else { return .refused(.recovering) }
        guard let host = self.host, !self.hypervisorIsAway, self.monitor.hasSample else {
            return .refused(.hypervisorAway)
        }
        // Another ISP cannot have a node whose operator paused it, but it may get its own node's grant again.
        guard !self.marks.isPaused || self.reservation.holder?.isp == isp else { return .refused(.maintenance) }
        defer { self.tellTransitions() }
        switch self.reservation.reserve(for: isp, at: self.now) {
        case .granted(let epoch):
            return .granted(
                Grant(
                    epoch: epoch, lease: self.settings.timings.lease, revision: self.revision,
                    snapshot: self.snapshot(of: host), successor: self.membership.view.successor(of: self.id)))
        case .held(let holder, let firstOut):
            return .held(by: holder, firstOut: self.ownFirstOut(of: holder) ?? firstOut)
        case .busy:
            return .busy
        case .recovering:
            return .refused(.recovering)
        }
    }

    /// Where the partition of the own ISP ends after this node: known here, where no renewal says it.
    private func ownFirstOut(of holder: ISPID) -> NodeID? {
        guard let own = self.ownISP, own.procedure.isp == holder else { return nil }
        return own.procedure.partition.firstOut(after: self.id, in: self.membership.view)
    }

    private func answerRenew(
        _ token: Token, firstOut: NodeID?, wantSnapshot: Bool, from node: NodeID
    ) -> RenewReply {
        defer { self.tellTransitions() }
        guard token.isp.node == node,
            let flights = self.reservation.renew(token, firstOut: firstOut, at: self.now)
        else { return .stale }
        let snapshot = wantSnapshot ? self.host.map { self.snapshot(of: $0) } : nil
        return .renewed(revision: self.revision, flights: UInt32(flights), snapshot: snapshot)
    }

    private func answerRelease(_ token: Token, from node: NodeID) -> Reply {
        if token.isp.node == node {
            self.reservation.release(token, at: self.now)
            self.tellTransitions()
        }
        return .released
    }

    private func noteBirth(_ birth: UInt64) {
        guard birth <= self.ports.time.wallClockMilliseconds + Self.birthLeadMaxMilliseconds else { return }
        self.latestBirth = max(self.latestBirth, birth)
    }

    // MARK: - Between initiators

    private func answerWait(
        _ asker: ISPID, key: ISPKey, on asked: ISPID, holding: Bool, from node: NodeID
    ) -> WaitReply {
        self.noteBirth(key.birth)
        guard asker.node == node, asked.node == self.id else { return .ended }
        guard let own = self.ownISP, own.procedure.isp == asked else {
            return self.finishing.contains(asked) ? self.noteWaiter(node, for: asked) : .ended
        }
        if holding, own.procedure.isBlocked, own.yieldTo == nil {
            if own.procedure.key < key { return .yield }
            self.ownISP?.yieldTo = asker
            self.ownISP?.bell.ring()
        }
        return self.noteWaiter(node, for: asked)
    }

    private func noteWaiter(_ node: NodeID, for isp: ISPID) -> WaitReply {
        self.waiters[isp, default: []].insert(node)
        return .wait
    }

    /// A hint only: the waiter asks at once instead of at its next poll.
    private func takeEnded(_ isp: ISPID, from node: NodeID) -> Reply {
        if isp.node == node {
            self.ownISP?.bell.ring()
            // In an order that is the same in every process.
            for triggerClass in TriggerClass.allCases { self.winnerBells[triggerClass]?.ring() }
        }
        return .noted
    }

    /// A hint only: the ISP asks the source again at once.
    private func takeActionDone(_ action: ActionID, _ result: ActionResult) -> Reply {
        self.ownISP?.actionBells[action]?.ring()
        return .noted
    }

    // MARK: - What the node shows

    /// Changes with the VM set, a VM's migratability, the capacity and the drain mark.
    var revision: Revision {
        Revision(rawValue: self.revisionBase &+ self.monitor.changes)
    }

    func snapshot(of host: HostDescription) -> NodeSnapshot {
        let now = self.now
        let vms = self.monitor.domains.prefix(NodeSnapshot.vmsMax).map { domain in
            VirtualMachine(
                id: domain.vm, demand: self.monitor.demand(of: domain.vm) ?? .zero,
                cpuDemandVariance: self.monitor.cpuVariance(of: domain.vm),
                dirtyMiBPerSecond: domain.dirtyMiBPerSecond,
                migratability: self.migratability(of: domain, at: now))
        }
        return NodeSnapshot(
            node: self.describe(host), vms: Array(vms), thresholds: self.settings.triggers.thresholds,
            age: self.monitor.age(at: now), returnBans: self.marks.isDraining ? [] : self.returnBans(at: now))
    }

    private func describe(_ host: HostDescription) -> Node {
        let description = self.membership.view.description(of: self.id)
        return Node(
            id: self.id, capacity: host.capacity, reserved: self.settings.reserved,
            state: self.marks.isDraining ? .draining : .active, site: description?.site ?? "",
            rack: description?.rack ?? "", linkMbps: self.settings.linkMbps)
    }

    private func returnBans(at now: MonotonicInstant) -> [ReturnBan] {
        self.monitor.domains.flatMap { domain in
            self.moves.banned(domain.vm, at: now).map { ReturnBan(vm: domain.vm, node: $0) }
        }
    }

    /// Whether a guest may be moved now; a drain overrides the cool-down, nothing overrides doubt.
    func migratability(
        of domain: DomainSample, at now: MonotonicInstant, ignoringMoves: Bool = false
    ) -> Migratability {
        if self.inDoubt[domain.vm] != nil { return .rooted(reason: "in doubt") }
        if self.isUnforgotten(domain.vm) { return .rooted(reason: Self.unforgottenReason) }
        guard domain.presence == .running else { return .rooted(reason: "paused") }
        if !self.marks.isDraining, !ignoringMoves, let left = self.moves.cooldownLeft(of: domain.vm, at: now) {
            return .rooted(reason: "cool-down for \(left.components.seconds + 1) s more")
        }
        return domain.migratability
    }
}
