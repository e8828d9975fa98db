package import Basis
package import Hypervisor
package import Placement

/// What the operator asks of one node. A refusal is a sentence for the operator, as is that something was done in part;
/// nil means done.
extension NodeAgent {
    /// Empties the node, and lets nothing in, until ``undrain()``. Survives a restart.
    package func drain() async -> String? {
        await self.mark("draining") { $0.isDraining = true }
    }

    package func undrain() async -> String? {
        await self.mark("not draining any more") { $0.isDraining = false }
    }

    /// Starts nothing and lends the node to nobody, until ``resumeAgent()``. Survives a restart. What runs, ends.
    package func pause() async -> String? {
        await self.mark("paused") { $0.isPaused = true }
    }

    package func resumeAgent() async -> String? {
        await self.mark("resumed") { $0.isPaused = false }
    }

    private func mark(_ words: String, _ change: (inout AgentMarks) -> Void) async -> String? {
        // What an earlier boot left would else take the place of what is said now, or be overwritten unread.
        await self.journalBell.wait(until: .distantFuture, on: self.ports.time)
        guard self.journalIsRead else { return "\(self.id) stopped before it had read its journal" }
        change(&self.marks)
        self.revisionBase &+= 1
        self.tell(.marked(words))
        let failure = await self.saveMarks()
        self.monitorBell.ring()
        return failure.map { reason in
            "\(self.id) is \(words), but its journal did not take it, and a restart may end it: \(reason)"
        }
    }

    /// Makes this node look overloaded: every VM counts as wanting more, in proportion, so that the CPU load is a fifth
    /// of the node above its threshold. It ends with the ISP that it starts.
    package func injectOverload() -> String? {
        if let reason = self.whyNotInject { return reason }
        guard let host = self.host, self.monitor.vmCount > 0 else {
            return "\(self.id) hosts no VM that could want more"
        }
        let usable = host.capacity.cpuMillicores - self.settings.reserved.cpuMillicores
        let wanted = usable * (self.settings.triggers.thresholds.overloadPercent + 20) / 100
        let load = max(self.monitor.load.cpuMillicores, 1)
        for domain in self.monitor.domains where domain.presence == .running {
            guard var demand = self.monitor.demand(of: domain.vm) else { continue }
            let share =
                self.monitor.load.cpuMillicores > 0
                ? demand.cpuMillicores * wanted / load : wanted / self.monitor.vmCount
            demand.cpuMillicores = max(demand.cpuMillicores, share)
            self.monitor.force(domain.vm, demand: demand)
        }
        self.injected.insert(.overload)
        self.watch.hurry(.overload, at: self.now)
        self.tell(.marked("overload injected"))
        self.monitorBell.ring()
        return nil
    }

    /// Makes this node try to empty itself once, whatever its load.
    package func injectUnderload() -> String? {
        if let reason = self.whyNotInject { return reason }
        guard self.monitor.vmCount > 0 else { return "\(self.id) hosts no VM" }
        self.injected.insert(.underload)
        self.watch.hurry(.underload, at: self.now)
        self.tell(.marked("underload injected"))
        self.monitorBell.ring()
        return nil
    }

    /// A trigger that can start nothing would wait for its ISP for ever.
    private var whyNotInject: String? {
        self.settings.mode == .off ? "\(self.id) is in mode off and starts nothing" : nil
    }

    /// Counts `vm` as wanting `cpuMillicores` from now on, whatever is measured; nil ends that.
    package func injectDemand(of vm: VMID, cpuMillicores: Int?) -> String? {
        guard var demand = self.monitor.demand(of: vm) else { return "\(vm) is not on \(self.id)" }
        guard let cpuMillicores else {
            self.monitor.force(vm, demand: nil)
            return nil
        }
        guard (0...Resources.amountMax).contains(cpuMillicores) else {
            return "a demand is 0 to \(Resources.amountMax) millicores"
        }
        demand.cpuMillicores = cpuMillicores
        self.monitor.force(vm, demand: demand)
        self.tell(.marked("demand of \(vm) set to \(cpuMillicores) m"))
        self.monitorBell.ring()
        return nil
    }

    /// Injections end with the ISP that they started.
    func endInjection(of trigger: TriggerClass) {
        guard self.injected.remove(trigger) != nil, trigger == .overload else { return }
        self.monitor.endForcing()
    }

    /// Carries out a recommended plan: an ISP that reserves exactly its nodes and re-checks it there.
    package func apply(_ isp: ISPID) -> Application {
        guard let recommendation = self.recommendations[isp] else {
            return .refused("there is no recommendation of \(isp)")
        }
        if let reason = self.whyNotStart { return .refused(reason) }
        if let reason = self.startISP(applying: recommendation) { return .refused(reason) }
        self.recommendations[isp] = nil
        guard let own = self.ownISP else { preconditionFailure("an ISP that was started runs") }
        return .started(own.procedure.isp)
    }

    /// What came of the wish to apply a recommended plan.
    package enum Application: Hashable, Sendable {
        case started(ISPID)
        /// A sentence for the operator.
        case refused(String)
    }

    /// Ends the ISP that this node runs: its nodes are released, migrations under way go on to their own end.
    ///
    /// - Parameter isp: Nil for whichever it is.
    package func cancel(_ isp: ISPID?) -> String? {
        guard let own = self.ownISP?.procedure.isp, isp == nil || isp == own else {
            return isp.map { "\(self.id) does not run \($0)" } ?? "\(self.id) runs no ISP"
        }
        self.ownISP?.cancel()
        return nil
    }

    /// Why this node cannot start an ISP now; nil when it can.
    var whyNotStart: String? {
        if self.marks.isPaused { return "\(self.id) is paused" }
        if self.isLeaving { return "\(self.id) has left the ring or is stopping" }
        if let own = self.ownISP { return "\(self.id) runs \(own.procedure.isp)" }
        if let isp = self.finishing.min() { return "\(self.id) is ending \(isp)" }
        if self.host == nil || self.hypervisorIsAway { return "the hypervisor of \(self.id) does not answer" }
        if let holder = self.reservation.holder { return "\(self.id) is held by \(holder.isp)" }
        return self.reservation.isFree ? nil : "\(self.id) is \(self.reservation.stateName)"
    }

    // MARK: - What the operator sees

    package func status() -> AgentStatus {
        AgentStatus(
            node: self.id, boot: self.boot, mode: self.settings.mode, marks: self.marks, isLeaving: self.isLeaving,
            hypervisor: self.hypervisorIsAway ? nil : self.host?.hypervisor,
            capacity: self.host?.capacity ?? .zero, reserved: self.settings.reserved, load: self.monitor.load,
            vmCount: self.monitor.vmCount, reservation: self.reservation.stateName, holder: self.reservation.holder,
            flights: self.reservation.flightCount, ownISP: self.ownISP?.procedure.isp,
            ownPhase: self.ownISP?.procedure.phaseName, triggers: self.watch.all.map(\.triggerClass),
            guestsInDoubt: self.guestsInDoubt, refusedReturns: self.moves.refusedReturns,
            liveMembers: self.membership.view.liveCount, members: self.membership.view.count,
            recommendations: self.recommendations.values.sorted { $0.isp < $1.isp })
    }

    package func virtualMachines() -> [GuestStatus] {
        let now = self.now
        return self.monitor.domains.map { domain in
            GuestStatus(
                vm: domain.vm, presence: domain.presence, demand: self.monitor.demand(of: domain.vm) ?? .zero,
                dirtyMiBPerSecond: domain.dirtyMiBPerSecond, migratability: self.migratability(of: domain, at: now),
                cooldownLeft: self.moves.cooldownLeft(of: domain.vm, at: now), inDoubt: self.inDoubt[domain.vm])
        }
    }

    package func ring() -> [MemberUpdate] { self.membership.view.everything }

    /// Takes new settings into use at once. Only the lease stays what it was: others count on it.
    package func reconfigure(_ settings: AgentSettings) -> String? {
        let violations = settings.timings.violations
        guard violations.isEmpty else {
            return "the timings break the protocol: \(violations.map { "\($0)" }.joined(separator: ", "))"
        }
        guard settings.timings.lease == self.settings.timings.lease else {
            return "the lease changes with a restart only"
        }
        self.settings = settings
        self.reservation.use(incomingMax: settings.migration.incomingMax, outgoingMax: settings.migration.outgoingMax)
        self.monitor.use(settings.triggers)
        self.watch.use(settings.triggers)
        self.moves.use(settings.migration)
        // What plans were made on may have changed: thresholds, what is reserved, the link.
        self.revisionBase &+= 1
        self.monitorBell.ring()
        return nil
    }
}

/// One node, as its operator looks at it.
package struct AgentStatus: Hashable, Sendable {
    package var node: NodeID
    package var boot: UInt64
    package var mode: AgentMode
    package var marks: AgentMarks
    package var isLeaving: Bool
    /// Nil when it does not answer.
    package var hypervisor: String?
    package var capacity: Resources
    package var reserved: Resources
    package var load: Resources
    package var vmCount: Int
    package var reservation: String
    package var holder: Token?
    package var flights: Int
    package var ownISP: ISPID?
    package var ownPhase: String?
    package var triggers: [TriggerClass]
    package var guestsInDoubt: [InDoubt]
    package var refusedReturns: Int
    package var liveMembers: Int
    package var members: Int
    package var recommendations: [Recommendation]
}

/// One guest, as its operator looks at it.
package struct GuestStatus: Hashable, Sendable {
    package var vm: VMID
    package var presence: DomainPresence
    package var demand: Resources
    package var dirtyMiBPerSecond: Int
    package var migratability: Migratability
    package var cooldownLeft: Duration?
    package var inDoubt: InDoubt?
}
