import Basis
import Hypervisor
import Logging
import OrderedCollections
import Placement

/// The one structured task of an ISP on its initiator: it carries out what the `Procedure` decides.
///
/// Its children are the drive itself and the renewal of the leases; ending the task ends both. What must go on
/// afterwards (releases) belongs to the agent.
extension NodeAgent {
    /// Starts an ISP for a trigger of this node.
    func startISP(_ trigger: TriggerWatch.Trigger) {
        guard let refusal = self.startISP(trigger.triggerClass, birth: trigger.birth, applying: nil) else {
            self.watch.started(trigger.triggerClass)
            return
        }
        self.log.debug("no ISP was started", metadata: ["reason": "\(refusal)"])
    }

    /// Starts an ISP for a plan that the operator wants carried out; nil when it was started.
    func startISP(applying recommendation: Recommendation) -> String? {
        self.startISP(recommendation.trigger, birth: self.newBirth(), applying: recommendation.plan)
    }

    /// Reserves the own node and starts the task, in one turn: nobody can come between.
    private func startISP(
        _ trigger: TriggerClass, birth: UInt64, applying plan: ReconfigurationPlan?
    ) -> String? {
        if let reason = self.whyNotStart { return reason }
        guard let host = self.host else { return "the hypervisor of \(self.id) does not answer" }
        let isp = ISPID(node: self.id, boot: self.boot, sequence: self.ispsStarted + 1)
        guard case .granted(let epoch) = self.reservation.reserve(for: isp, at: self.now) else {
            return "\(self.id) is \(self.reservation.stateName)"
        }
        self.ispsStarted += 1
        let key = ISPKey(triggerClass: trigger, birth: birth, isp: isp)
        let own = Partition.Member(
            epoch: epoch, revision: self.revision, snapshot: self.snapshot(of: host), renewedAt: self.now)
        let procedure = Procedure(
            key: key, own: own, limits: self.settings.limits, timings: self.settings.timings,
            recommendOnly: self.settings.mode == .recommend && plan == nil, applying: plan)
        self.ownISP = RunningISP(
            procedure: procedure, trigger: trigger, applied: plan, token: Token(isp: isp, epoch: epoch),
            began: self.now)
        self.tellTransitions()
        self.tell(
            .ispStarted(key, reason: plan == nil ? self.describe(trigger, on: host) : "applies a recommended plan"))
        self.spawn { await self.runISP(isp) }
        return nil
    }

    private func describe(_ trigger: TriggerClass, on host: HostDescription) -> String {
        let load = self.monitor.load
        let cpu = "CPU \(load.cpuMillicores) of \(host.capacity.cpuMillicores) m"
        let memory = "memory \(load.memoryMiB) of \(host.capacity.memoryMiB) MiB"
        return "\(trigger) of \(self.id): \(cpu), \(memory), \(self.monitor.vmCount) VMs"
    }

    private func runISP(_ isp: ISPID) async {
        let outcome = await withTaskGroup(of: Outcome?.self) { group in
            group.addTask { await self.drive(isp) }
            group.addTask {
                await self.renewMembers(of: isp)
                return nil
            }
            var outcome: Outcome?
            while outcome == nil, let ended = await group.next() { outcome = ended }
            group.cancelAll()
            return outcome ?? .cancelled
        }
        self.finish(isp, outcome)
    }

    private func drive(_ isp: ISPID) async -> Outcome {
        var event = Procedure.Event.started
        while true {
            guard let decision = self.decide(isp, event) else { return .cancelled }
            switch decision {
            case .reserve(let node):
                event = await self.reserve(node, for: isp)
            case .solve:
                event = .solved(await self.solve(isp))
            case .renew(let nodes):
                event = .renewed(await self.renew(nodes, of: isp))
            case .execute(let plan, let surplus):
                self.confirmed(isp, plan, surplus)
                event = .executed(await self.execute(plan, for: isp))
            case .wait(let others):
                event = await self.wait(isp, on: others)
            case .rest(let duration):
                event = await self.rest(isp, for: duration)
            case .finish(let outcome):
                return outcome
            }
        }
    }

    /// One turn of the procedure: what came of the last decision, unless the ISP was cancelled or is too old.
    private func decide(_ isp: ISPID, _ event: Procedure.Event) -> Procedure.Decision? {
        guard var own = self.ownISP, own.procedure.isp == isp else { return nil }
        var event = event
        if !own.procedure.isExecuting {
            if own.isCancelled || Task.isCancelled {
                event = .cancelled
            } else if self.now - own.began > self.settings.timings.ispDeadline {
                event = .deadlinePassed
            }
        }
        let sweepsBefore = own.procedure.sweeps
        let decision = own.procedure.handle(
            event, triggerHolds: own.applied != nil || self.holds(own.trigger), in: self.membership.view)
        self.tellGrowth(event, decision, own.procedure)
        if own.procedure.sweeps > sweepsBefore { self.tell(.sweepsAgain(isp, sweep: own.procedure.sweeps)) }
        self.ownISP = own
        return decision
    }

    /// Tells the story of the growth: who was asked, who joined, who was skipped, who was hopped over.
    private func tellGrowth(_ event: Procedure.Event, _ decision: Procedure.Decision, _ procedure: Procedure) {
        let isp = procedure.isp
        switch event {
        case .answered(let node, .granted, _):
            self.tell(.granted(isp, node, members: procedure.partition.members.count))
            if case .reserve = decision, let reason = procedure.whyTooSmall {
                self.tell(.tooSmall(isp, members: procedure.partition.members.count, reason: reason))
            }
        case .answered(let node, .held(let holder, let firstOut), _):
            self.tell(.skipped(isp, node, reason: "held by \(holder)"))
            if case .reserve(let next) = decision, next == firstOut, self.membership.view.successor(of: node) != next {
                self.tell(.hopped(isp, over: holder, from: node, to: next))
            }
        case .answered(let node, .busy, _):
            self.tell(.skipped(isp, node, reason: "busy"))
        case .answered(let node, .refused(let refusal), _):
            self.tell(.skipped(isp, node, reason: "refused: \(refusal)"))
        case .silent(let node):
            self.tell(.skipped(isp, node, reason: "did not answer"))
        case .started, .solved, .renewed, .executed, .metEnded, .toldToYield, .waitedLongEnough, .rested, .cancelled,
            .deadlinePassed:
            break
        }
        if case .reserve(let node) = decision { self.tell(.asked(isp, node)) }
    }

    /// Asks another agent on behalf of an ISP, and counts it.
    func ask(_ node: NodeID, _ request: Request, for isp: ISPID) async -> Reply? {
        if node != self.id, self.ownISP?.procedure.isp == isp { self.ownISP?.summary.messages += 1 }
        return await self.ask(node, request)
    }

    // MARK: - Growing

    private func reserve(_ node: NodeID, for isp: ISPID) async -> Procedure.Event {
        guard let key = self.ownISP?.procedure.key, let asked = self.ownISP?.procedure.nodesAsked else {
            return .silent(node)
        }
        let sentAt = self.now
        self.ownISP?.summary.messages += 1
        let answer = await self.awaitGrant(from: node, .reserve(isp: isp, key: key, hops: UInt32(asked)), isp)
        guard let answer else {
            self.reportSilent(node)
            return .silent(node)
        }
        if case .granted(let grant) = answer, self.ownISP?.hasGivenBack(node, grant.epoch) == true {
            // The release of this very grant is on its way, or was lost: it could end the grant at any moment.
            self.release(node, Token(isp: isp, epoch: grant.epoch), countingFor: isp)
            return .answered(node, .busy, sentAt: sentAt)
        }
        return .answered(node, answer, sentAt: sentAt)
    }

    /// Waits for the answer as long as a request may take. An answer that comes later goes to the agent, which gives
    /// the node back if the ISP does not have it by then (PROTOCOL.md §5).
    private func awaitGrant(from node: NodeID, _ request: Request, _ isp: ISPID) async -> ReserveReply? {
        let (answers, sink) = AsyncStream<ReserveReply?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.awaitedReserves[node, default: 0] += 1
        self.spawn {
            await self.takeGrant(from: node, request, isp, sink)
        }
        let time = self.ports.time
        let deadline = self.now + self.settings.timings.requestTimeout
        let answer = await withTaskGroup(of: ReserveReply?.self) { group in
            group.addTask {
                var iterator = answers.makeAsyncIterator()
                return await iterator.next() ?? nil
            }
            group.addTask {
                try? await time.sleep(until: deadline)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        self.awaitedReserves[node, default: 0] -= 1
        if self.awaitedReserves[node] == 0 { self.awaitedReserves[node] = nil }
        return answer
    }

    private func takeGrant(
        from node: NodeID, _ request: Request, _ isp: ISPID, _ sink: AsyncStream<ReserveReply?>.Continuation
    ) async {
        let reply = await self.ask(node, request, timeout: self.settings.timings.lease)
        guard case .reserve(let answer) = reply else {
            sink.yield(nil)
            return
        }
        if self.awaitedReserves[node] == nil, case .granted(let grant) = answer {
            await self.takeUnawaitedGrant(grant.epoch, of: node, to: isp)
        }
        sink.yield(answer)
    }

    /// A grant that nobody waits for: given back unless it is the very one that a live member has.
    private func takeUnawaitedGrant(_ epoch: Epoch, of node: NodeID, to isp: ISPID) async {
        if let own = self.ownISP, own.procedure.isp == isp {
            if own.procedure.partition[node]?.epoch == epoch { return }
            self.countRelease(of: node, epoch, for: isp)
        }
        _ = await self.ask(node, .release(Token(isp: isp, epoch: epoch)))
    }

    // MARK: - Solving

    private func solve(_ isp: ISPID) async -> PartitionVerdict {
        guard let own = self.ownISP, let host = self.host else {
            return PartitionVerdict(verdict: .none(reason: "the hypervisor went away"))
        }
        if let member = own.procedure.partition[self.id] {
            // The own node is looked at as it is now, not as it was when the ISP began.
            self.ownISP?.procedure.memberRenewed(
                self.id, epoch: member.epoch, revision: self.revision, snapshot: self.snapshot(of: host),
                sentAt: self.now)
        }
        guard let partition = self.ownISP?.procedure.partition else {
            return PartitionVerdict(verdict: .none(reason: "cancelled"))
        }
        let problem = PlacementProblem(
            of: partition, policy: own.trigger == .underload ? .evacuate(self.id) : .repair,
            constraints: self.settings.constraints, flightCaps: self.settings.flightCaps,
            costWeights: self.settings.migration.costWeights,
            demandPersistencePercent: self.settings.migration.demandPersistencePercent)
        if let applied = own.applied {
            return PartitionVerdict(verdict: Self.check(applied, against: problem))
        }
        let began = self.now
        let report = await self.ports.solver.solve(
            problem, stepsMax: self.settings.limits.solverStepsMax, seed: own.procedure.key.birth)
        self.ownISP?.unsolved = report.verdict.isViable ? nil : problem
        self.ownISP?.summary.solves += 1
        self.ownISP?.summary.solveSteps += report.steps
        self.ownISP?.summary.solveDuration += self.now - began
        self.tell(
            .solved(
                isp, members: partition.members.count, verdict: report.verdict.description, steps: report.steps,
                duration: self.now - began))
        return report
    }

    /// A plan made earlier is carried out only if it still holds on what its nodes show now; one that was to empty a
    /// node, only if it still does so.
    private static func check(_ plan: ReconfigurationPlan, against problem: PlacementProblem) -> Verdict {
        // Of what other nodes said of their guests: the checker takes it for sound.
        if let wrong = problem.defects.first { return .none(reason: "what the nodes say makes no sense: \(wrong)") }
        let checker = PlanChecker(problem)
        var defects = checker.defects(of: plan, claim: .viable)
        if defects.isEmpty { return .plan(plan) }
        if problem.policy.acceptsPartOfTheAim {
            defects = checker.defects(of: plan, claim: .improvement)
            if defects.isEmpty {
                let after = Viability(of: plan.mapping(after: problem.mapping), in: problem)
                return .improvement(plan, remaining: "a violation of \(after.violation.total) permille stays")
            }
        }
        return .none(reason: defects.prefix(Self.defectsToldMax).map(\.description).joined(separator: "; "))
    }

    /// How many of the things that are wrong with an applied plan are told.
    private static let defectsToldMax = 3

    private func confirmed(_ isp: ISPID, _ plan: ReconfigurationPlan, _ surplus: [NodeID: Epoch]) {
        if let began = self.ownISP?.began { self.ownISP?.summary.timeToPlan = self.now - began }
        self.tell(.confirmed(isp, plan, surplus: surplus.keys.sorted()))
        for (node, epoch) in surplus.sorted(by: { $0.key < $1.key }) {
            self.release(node, Token(isp: isp, epoch: epoch), countingFor: isp)
        }
    }

    // MARK: - Ending

    /// The task has ended: releases everything, and says once how it went.
    private func finish(_ isp: ISPID, _ outcome: Outcome) {
        guard let own = self.ownISP, own.procedure.isp == isp else { return }
        self.ownISP = nil
        self.finishing.insert(isp)
        var summary = own.summary
        let others = own.procedure.partition.members.filter { $0.key != self.id }
        summary.outcome = outcome
        summary.duration = self.now - own.began
        summary.membersPeak = own.procedure.membersPeak
        summary.nodesAsked = own.procedure.nodesAsked
        summary.hops = own.procedure.hops
        summary.sweeps = own.procedure.sweeps
        summary.messages += others.count
        self.remember(outcome, of: own)
        self.reservation.ownISPEnded(own.token)
        self.tellTransitions()
        if let unsolved = own.unsolved, outcome.isForWantOfAPlan { self.tell(.unsolved(isp, unsolved)) }
        self.tell(.ispEnded(summary))
        self.spawn {
            await self.releaseAll(others.map { ($0.key, Token(isp: isp, epoch: $0.value.epoch)) })
            await self.isOver(isp, outcome, own.trigger)
        }
        self.monitorBell.ring()
    }

    private func remember(_ outcome: Outcome, of own: RunningISP) {
        self.endInjection(of: own.trigger)
        guard own.applied == nil else { return }
        switch outcome {
        case .solved:
            self.watch.solved(own.trigger)
        case .yielded(let winner):
            self.watch.failed(own.trigger, yieldedTo: winner, at: self.now, using: &self.generator)
            self.spawn { await self.awaitWinner(winner, of: own.procedure.key) }
        case .moot, .improved, .unsolvable, .blocked, .recommended, .failed, .cancelled:
            // Moot as well: a trigger that still holds afterwards would start the next ISP at once, for ever.
            self.watch.failed(own.trigger, yieldedTo: nil, at: self.now, using: &self.generator)
        }
    }

    /// One plan a trigger. One that is found again keeps the name by which the operator knows it; any other is stale.
    private func recommend(_ plan: ReconfigurationPlan, by finder: ISPID, _ trigger: TriggerClass) {
        let known = self.recommendations.values.first { $0.trigger == trigger }
        let isp = known?.plan == plan ? known?.isp ?? finder : finder
        self.recommendations = self.recommendations.filter { $0.value.trigger != trigger }
        self.recommendations[isp] = Recommendation(isp: isp, trigger: trigger, plan: plan, madeAt: self.now)
        if isp == finder { self.tell(.recommended(isp, plan)) }
    }

    /// Releases belong to the agent: they go on although the ISP's task was cancelled.
    func release(_ node: NodeID, _ token: Token, countingFor isp: ISPID) {
        self.countRelease(of: node, token.epoch, for: isp)
        self.spawn { await self.releaseAll([(node, token)]) }
    }

    /// A grant that is given back counts as one message, however often that is said.
    private func countRelease(of node: NodeID, _ epoch: Epoch, for isp: ISPID) {
        guard let own = self.ownISP, own.procedure.isp == isp, !own.hasGivenBack(node, epoch) else { return }
        self.ownISP?.summary.messages += 1
        self.ownISP?.gaveBack(node, epoch)
    }

    /// Asks each until it has answered, or until its lease has ended anyway.
    private func releaseAll(_ grants: [(NodeID, Token)]) async {
        let deadline = self.now + self.settings.timings.lease + self.settings.timings.requestTimeout
        await withTaskGroup(of: Void.self) { group in
            for (node, token) in grants {
                group.addTask { await self.releaseOne(node, token, until: deadline) }
            }
        }
    }

    private func releaseOne(_ node: NodeID, _ token: Token, until deadline: MonotonicInstant) async {
        self.openReleases += 1
        defer { self.openReleases -= 1 }
        while self.now < deadline, !Task.isCancelled {
            if case .released = await self.ask(node, .release(token)) { return }
            try? await self.ports.time.sleep(for: self.settings.timings.requestTimeout)
        }
    }

    /// An ISP is over when its releases are answered or given up, not before.
    private func isOver(_ isp: ISPID, _ outcome: Outcome, _ trigger: TriggerClass) async {
        self.finishing.remove(isp)
        // Not before: nothing can be applied while the nodes of the plan are being let go.
        if case .recommended(let plan) = outcome { self.recommend(plan, by: isp, trigger) }
        self.monitorBell.ring()
        for waiter in (self.waiters.removeValue(forKey: isp) ?? []).sorted() {
            _ = await self.ask(waiter, .ended(isp))
        }
    }
}

extension Verdict: CustomStringConvertible {
    package var description: String {
        switch self {
        case .viable: "nothing is violated"
        case .plan(let plan): "a plan of \(plan.migrations.count) migrations, \(plan.memoryMiB) MiB"
        case .improvement(let plan, let remaining):
            "an improvement by \(plan.migrations.count) migrations, \(plan.memoryMiB) MiB; stays: \(remaining)"
        case .none(let reason): "no plan: \(reason)"
        }
    }
}
