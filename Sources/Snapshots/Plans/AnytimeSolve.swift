package import Placement

/// Solves with ever larger budgets until it is told to stop, and keeps the best that was found.
///
/// A solver whose time is bounded is cancelled from outside, and a cancelled solve has no result. With budgets that
/// double, what was complete by then has had at least a quarter of all work.
package enum AnytimeSolve {
    private static let firstStepsMax = 200_000
    /// Far beyond what can be worked off in a day, and far from overflow.
    private static let stepsMax = 1 << 50

    /// - Parameter isCancelled: asked every thousand steps or so; the one who passes it measures time.
    /// - Throws: ``InvalidPlacementProblem`` with everything that is wrong with `problem`.
    package static func best(
        _ problem: PlacementProblem, seed: UInt64, isCancelled: @escaping () -> Bool
    ) throws(InvalidPlacementProblem) -> SolverReport {
        var best: SolverReport?
        var stepsMax = Self.firstStepsMax
        while true {
            let report = try RepairSolver.solve(
                problem, budget: SolverBudget(stepsMax: stepsMax), seed: seed, isCancelled: isCancelled)
            if report.outcome == .cancelled { return best ?? report }
            if best.map({ report.outcome.isBetter(than: $0.outcome, in: problem) }) ?? true { best = report }
            guard !report.outcome.isSettled, report.stepsUsed >= stepsMax, stepsMax < Self.stepsMax else {
                return best ?? report
            }
            stepsMax *= 2
        }
    }
}

extension SolverOutcome {
    /// Whether more work cannot change it.
    package var isSettled: Bool {
        switch self {
        case .alreadyViable, .plan(_, .proven), .improved(_, _, isProven: true), .impossible: true
        case .plan(_, .feasible), .improved, .gaveUp, .cancelled: false
        }
    }

    /// Whether it says or reaches more than `other`, an outcome of the same problem.
    fileprivate func isBetter(than other: SolverOutcome, in problem: PlacementProblem) -> Bool {
        if self.isSettled { return true }
        switch (self, other) {
        case (.plan(let plan, _), .plan(let known, _)): return plan.totalCost < known.totalCost
        case (.plan, .improved), (.plan, .gaveUp), (.improved, .gaveUp): return true
        case (.improved(let plan, _, _), .improved(let known, _, _)):
            return plan.violation(in: problem) < known.violation(in: problem)
        default: return false
        }
    }
}

extension ReconfigurationPlan {
    fileprivate func violation(in problem: PlacementProblem) -> ViolationMeasure {
        Viability(of: self.mapping(after: problem.mapping), in: problem).violation
    }
}
