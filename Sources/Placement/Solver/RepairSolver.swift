/// Finds a reconfiguration plan for a placement problem.
///
/// It goes from what is cheap and usually enough to what is thorough: cover sets of the overloaded nodes that find room
/// elsewhere; local repair; branch and bound, first moving only VMs of nodes that are not viable, then letting VMs of
/// viable nodes make room; large neighbourhoods; and where memory is so tight that no order works, a search for ways
/// on which VMs step aside. The same problem and seed give the same report on every machine, in whatever order the
/// problem lists its nodes and VMs.
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
