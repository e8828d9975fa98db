package import Basis
package import ClusterActors
package import Placement

/// A solver that takes as long in virtual time as it takes a processor: a solver that decides in no time proves nothing.
package struct TimedSolver: PartitionSolver {
    /// What a step of the solver takes, in nanoseconds: partitions of ten nodes take 300 to 500 on one core.
    package static let nanosecondsPerStep = 400

    private let solver: any PartitionSolver
    private let time: any TimeSource

    package init(_ solver: any PartitionSolver, time: any TimeSource) {
        self.solver = solver
        self.time = time
    }

    package func solve(_ problem: PlacementProblem, stepsMax: Int, seed: UInt64) async -> PartitionVerdict {
        let verdict = await self.solver.solve(problem, stepsMax: stepsMax, seed: seed)
        // A cancelled solve has no result, and ends at once.
        try? await self.time.sleep(for: .nanoseconds(verdict.steps * Self.nanosecondsPerStep))
        return verdict
    }
}
