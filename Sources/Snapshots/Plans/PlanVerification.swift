import Basis
import Placement

/// Judges a plan, whoever made it, against a snapshot: whether it can be executed and does what it says.
///
/// That no plan is cheaper, or that there is none, cannot be seen from a plan: these claims are left alone, and so are
/// the predicted duration and the time of the solver.
package struct PlanVerification: Sendable {
    /// Everything that is wrong; empty for a plan that holds.
    package let findings: [String]
    /// What is wrong where the VMs are at first, and where the plan leads.
    package let violationsBefore: Int
    package let violationsAfter: Int

    /// - Throws: ``UnavailablePolicy`` for an aim by which nothing can be judged here.
    package init(of plan: PlanDocument, against snapshot: Snapshot) throws(UnavailablePolicy) {
        var problem = try snapshot.problem()
        // Caps are how the solver here goes about it, not a part of the format: others are held to stated ones only.
        if snapshot.policy.flightCaps == nil { problem.flightCaps = FlightCaps(perNodeIn: .max, perNodeOut: .max) }
        self.violationsBefore = Viability(of: problem).violationCount
        guard let actual = ReconfigurationPlan(of: plan, for: problem) else {
            self.findings = ["it moves more memory than can be counted"]
            self.violationsAfter = self.violationsBefore
            return
        }
        self.violationsAfter = Viability(of: actual.knownMapping(after: problem), in: problem).violationCount
        let claim: PlanChecker.Claim = plan.status == .optimal || plan.status == .feasible ? .viable : .improvement
        var findings: [String] = []
        if !actual.steps.isEmpty || claim == .viable {
            findings = PlanChecker(problem).defects(of: actual, claim: claim).map(\.description)
        }
        for (path, stated, actual) in [
            ("$.violations_before", plan.violationsBefore, self.violationsBefore),
            ("$.violations_after", plan.violationsAfter, self.violationsAfter),
            ("$.cost.migrations", plan.migrations, actual.cost.migrations),
            ("$.cost.memory_mib", plan.memoryMiB, actual.memoryMiB),
        ] where stated != actual {
            findings.append("\(path) is \(stated), and is \(actual) in truth")
        }
        if let bound = plan.boundMemoryMiB, bound > plan.memoryMiB, claim == .viable {
            findings.append("$.cost.bound_memory_mib is \(bound), more than the \(plan.memoryMiB) MiB that are moved")
        }
        self.findings = findings
    }
}

extension ReconfigurationPlan {
    /// The migrations of a document, with the cost that they have in truth as far as `problem` knows them; nil where the
    /// cost is beyond an `Int`, as that of a plan may be that moves what is huge again and again.
    fileprivate init?(of plan: PlanDocument, for problem: PlacementProblem) {
        let nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var (cost, memoryMiB) = (MigrationCost.zero, 0)
        for move in plan.steps.joined() {
            guard let vm = vms[move.vm], let from = nodes[move.from], let to = nodes[move.to] else { continue }
            let hop = MigrationCost(of: vm, from: from, to: to, problem.costWeights)
            guard !cost.weight.addingReportingOverflow(hop.weight).overflow else { return nil }
            cost = cost + hop
            memoryMiB += vm.demand.memoryMiB
        }
        // Reasons are for people: the checker does not look at them.
        let steps = plan.steps.map { step in
            step.map { Migration(vm: $0.vm, from: $0.from, to: $0.to, reason: .makesRoom($0.from)) }
        }
        self.init(
            steps: steps, cost: cost, memoryMiB: memoryMiB, risk: PlacementRisk(expectedExcessMicrocores: 0))
        self.softCost =
            problem.softConstraints.isEmpty
            ? 0 : Viability(of: self.knownMapping(after: problem), in: problem).softCost
    }

    /// Where the VMs are afterwards, leaving out migrations that name what is unknown, as the checker does.
    fileprivate func knownMapping(after problem: PlacementProblem) -> Mapping {
        let vms = Set(problem.vms.map(\.id))
        let nodes = Set(problem.nodes.map(\.id))
        return self.migrations.reduce(into: problem.mapping) { mapping, migration in
            if vms.contains(migration.vm), nodes.contains(migration.to) { mapping[migration.vm] = migration.to }
        }
    }
}
