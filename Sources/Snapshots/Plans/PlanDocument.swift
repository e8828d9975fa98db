package import Basis
package import Placement

/// A reconfiguration plan with what it claims: what `dvms-plan/1` says.
package struct PlanDocument: Hashable, Sendable {
    package static let format = "dvms-plan/1"

    package enum Status: String, Hashable, Sendable, CaseIterable {
        /// No plan to a viable mapping costs less; also where nothing has to be moved.
        case optimal
        /// It leads to a viable mapping; whether a cheaper one exists is not known.
        case feasible
        /// Proven: no plan leads to a viable mapping. Steps, if there are any, make it less wrong.
        case impossible
        /// No plan to a viable mapping was found, and no proof that there is none.
        case gaveUp = "gave_up"
    }

    package var status: Status
    /// ``Viability/violationCount`` of where the VMs are at first.
    package var violationsBefore: Int
    /// The same of where the plan leads.
    package var violationsAfter: Int
    /// Hops; a VM that steps aside takes two.
    package var migrations: Int
    /// Memory of the VMs moved, every hop counted, in MiB.
    package var memoryMiB: Int
    /// No plan to a viable mapping moves less, in MiB; nil where nothing is known of that.
    package var boundMemoryMiB: Int?
    /// Migrations of one step may run together.
    package var steps: [[PlannedMove]]
    /// How long it will take to execute, as predicted; rounded up.
    package var durationSeconds: Int
    /// How long the solver took; 0 where its work was bounded by steps, so that the plan is the same bytes everywhere.
    package var solveMilliseconds: Int

    package init(
        status: Status, violationsBefore: Int, violationsAfter: Int, migrations: Int, memoryMiB: Int,
        boundMemoryMiB: Int? = nil, steps: [[PlannedMove]], durationSeconds: Int, solveMilliseconds: Int
    ) {
        self.status = status
        self.violationsBefore = violationsBefore
        self.violationsAfter = violationsAfter
        self.migrations = migrations
        self.memoryMiB = memoryMiB
        self.boundMemoryMiB = boundMemoryMiB
        self.steps = steps
        self.durationSeconds = durationSeconds
        self.solveMilliseconds = solveMilliseconds
    }
}

/// One migration of a plan, with its reason in words.
package struct PlannedMove: Hashable, Sendable {
    package var vm: VMID
    package var from: NodeID
    package var to: NodeID
    package var reason: String

    package init(vm: VMID, from: NodeID, to: NodeID, reason: String) {
        self.vm = vm
        self.from = from
        self.to = to
        self.reason = reason
    }
}

extension Viability {
    /// How many things are wrong: each overloaded resource of each node, each VM on a node that is to be emptied, each
    /// breach of a hard constraint.
    package var violationCount: Int { self.overloads.count + self.stranded.count + self.breaches.count }
}

extension PlanDocument {
    /// What a solve of `problem` came to.
    ///
    /// - Parameter solveMilliseconds: 0 where the solve was bounded by steps.
    package init(of outcome: SolverOutcome, for problem: PlacementProblem, solveMilliseconds: Int) {
        let status: Status
        switch outcome {
        case .alreadyViable, .plan(_, .proven): status = .optimal
        case .plan(_, .feasible): status = .feasible
        case .improved(_, _, let isProven): status = isProven ? .impossible : .gaveUp
        case .impossible: status = .impossible
        case .gaveUp, .cancelled: status = .gaveUp
        }
        let plan = outcome.plan
        let before = Viability(of: problem).violationCount
        let after = plan.map { Viability(of: $0.mapping(after: problem.mapping), in: problem).violationCount }
        let milliseconds = plan.map { PredictedDuration(of: problem).milliseconds(of: $0.steps) } ?? 0
        self.init(
            status: status, violationsBefore: before, violationsAfter: after ?? before,
            migrations: plan?.cost.migrations ?? 0, memoryMiB: plan?.memoryMiB ?? 0,
            boundMemoryMiB: problem.memoryBoundMiB(outcome),
            steps: (plan?.steps ?? []).map { step in
                step.map { PlannedMove(vm: $0.vm, from: $0.from, to: $0.to, reason: "\($0.reason)") }
            }, durationSeconds: (milliseconds + 999) / 1_000, solveMilliseconds: solveMilliseconds)
    }
}

extension SolverOutcome {
    /// The plan, whatever it reaches.
    package var plan: ReconfigurationPlan? {
        switch self {
        case .plan(let plan, _), .improved(let plan, _, _): plan
        case .alreadyViable, .impossible, .gaveUp, .cancelled: nil
        }
    }

    /// What stays wrong, with the reasons.
    package var obstacles: [PlacementObstacle] {
        switch self {
        case .improved(_, let remaining, _): remaining
        case .impossible(let obstacles), .gaveUp(let obstacles): obstacles
        case .alreadyViable, .plan, .cancelled: []
        }
    }
}

extension PlacementProblem {
    /// How much memory every plan to a viable mapping moves at least, in MiB.
    ///
    /// The solver's bound is one of cost, which no MiB exceeds a certain weight of: that of the VM that writes most to
    /// its memory over the slowest link. So cost ÷ that weight bounds memory; exactly where all links are alike and no
    /// VM writes. Soft constraints are a part of cost that moves nothing: with them nothing is said, nor with weights of
    /// one's own, nor under a policy that goes beyond a viable mapping.
    func memoryBoundMiB(_ outcome: SolverOutcome) -> Int? {
        switch self.policy {
        case .repair, .evacuate: break
        case .balance, .consolidate: return nil
        }
        let weight: Int
        switch outcome {
        case .alreadyViable: return 0
        case .plan(let plan, .proven): weight = plan.cost.weight
        case .plan(_, .feasible(let atLeast)): weight = atLeast.weight
        case .improved, .impossible, .gaveUp, .cancelled: return nil
        }
        guard self.softConstraints.isEmpty, self.costWeights == .transferTime,
            let link = self.nodes.map(\.linkMbps).min()
        else { return nil }
        let perMiB =
            self.vms.map { vm in
                var vm = vm
                vm.demand.memoryMiB = 1
                return MigrationCost(of: vm, linkMbps: link, .transferTime).weight
            }.max() ?? 1
        return weight / perMiB + (weight % perMiB == 0 ? 0 : 1)
    }
}
