/// Finds a reconfiguration plan for a placement problem.
///
/// A partition is searched exactly at once (``LeaverSearch``); a larger problem is repaired locally first, from cheapest
/// cover sets of the overloaded nodes on. What is not proven then is improved part by part (``NeighbourhoodSearch``),
/// and where memory is so tight that no order works, ways are searched on which VMs step aside. Policies that go beyond
/// repair go on from the viable mapping (``BalanceSearch``, ``ConsolidationSearch``). The same problem and seed give the
/// same report on every machine, in whatever order the problem lists its nodes and VMs.
package enum RepairSolver {
    /// Solves `problem` within `budget`.
    ///
    /// - Parameters:
    ///   - seed: of the random choices of the search.
    ///   - isCancelled: asked every thousand steps or so.
    /// - Throws: ``InvalidPlacementProblem`` with everything that is wrong with `problem`.
    package static func solve(
        _ problem: PlacementProblem, budget: SolverBudget, seed: UInt64,
        isCancelled: @escaping () -> Bool = { false }
    ) throws(InvalidPlacementProblem) -> SolverReport {
        let defects = problem.defects
        guard defects.isEmpty else { throw InvalidPlacementProblem(defects: defects) }
        var solve = Solve(problem, StepMeter(budget, isCancelled: isCancelled), seed: seed)
        let outcome = solve.run()
        return SolverReport(outcome: outcome, stepsUsed: solve.meter.used)
    }
}
