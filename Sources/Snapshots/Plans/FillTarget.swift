import Basis
package import Placement

/// How full a plan may leave or make a node, where that is less than what counts as overloaded.
///
/// A node that is relieved only to its limit is overloaded again with the next small rise. With a target a node that is
/// overloaded is relieved to the target, and none is filled beyond it; nodes between target and limit stay as they are.
package struct FillTarget: Hashable, Sendable {
    /// Of what a node may give to VMs.
    package var percent: Int

    package init(percent: Int) { self.percent = percent }

    /// The problem with limits under which a plan reaches the target.
    package func narrowed(_ problem: PlacementProblem) -> PlacementProblem {
        let rules = LoadRules(problem.constraints)
        let loads = problem.loads(of: problem.mapping, rules)
        var narrowed = problem
        for node in problem.nodes where node.state != .offline {
            var thresholds = problem.thresholds(of: node.id)
            let (load, booking) = (loads[node.id] ?? .zero, rules.booking(of: node.id))
            let isOverloaded = !node.overloads(under: load, thresholds, booking: booking).isEmpty
            let limit = thresholds.overloadPercent
            // What is between target and limit is not moved: such a node's limit is where its load is.
            thresholds.overloadPercent =
                isOverloaded
                ? min(self.percent, limit)
                : (min(self.percent, limit)..<limit).first { percent in
                    let narrow = LoadThresholds(overloadPercent: percent)
                    return node.overloads(under: load, narrow, booking: booking).isEmpty
                } ?? limit
            thresholds.underloadPercent = min(thresholds.underloadPercent, thresholds.overloadPercent - 1)
            narrowed.thresholdsByNode[node.id] = thresholds
        }
        return narrowed
    }

    /// Whether no node that was overloaded, or is made fuller, is left beyond the target.
    package func isReached(by plan: ReconfigurationPlan, for problem: PlacementProblem) -> Bool {
        Viability(of: plan.mapping(after: problem.mapping), in: self.narrowed(problem)).overloads.isEmpty
    }

    /// What is told of a problem when its narrowed form came to `toTarget`.
    ///
    /// - Parameter plain: what the problem itself came to. It is what is told when the target cannot be reached, and
    ///   where nothing has to be done; and it says how much less a plan could cost that forgoes the target.
    package static func outcome(_ toTarget: SolverOutcome, plain: SolverOutcome) -> SolverOutcome {
        guard case .plan(let plan, _) = toTarget, case .plan(let cheapest, let optimality) = plain else { return plain }
        let bound: MigrationCost
        switch optimality {
        case .proven: bound = cheapest.totalCost
        case .feasible(let atLeast): bound = atLeast
        }
        return .plan(plan, plan.totalCost == bound ? .proven : .feasible(atLeast: bound))
    }
}

extension Snapshot {
    /// The target, if one below the overload is stated.
    package var fillTarget: FillTarget? {
        // Memory cannot be filled beyond 100 %, and that target is what a snapshot has that states none.
        self.policy.targetPercent < min(self.policy.overloadPercent, 100)
            ? FillTarget(percent: self.policy.targetPercent) : nil
    }
}
