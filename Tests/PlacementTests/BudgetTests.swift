import Basis
import Placement
import Testing

@Suite("A solver that runs out of steps")
struct BudgetTests {
    /// A search cut short between two destinations of a VM that could not stay took itself for complete.
    @Test("never takes what it has found for proven, however few the steps", arguments: UInt64(1)...40)
    func proofs(seed: UInt64) throws {
        var generator = ProblemGenerator(seed: seed)
        let problem = generator.hardPartition(nodes: 4, vms: 40, cpuPercent: 85)
        let reports = try stride(from: 100, through: 60_000, by: 300).map { steps in
            try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: steps), seed: seed)
        }
        let best = reports.compactMap { Self.cost($0.outcome) }.min()
        for report in reports {
            switch report.outcome {
            case .plan(let plan, .proven): #expect(plan.cost == best, "seed \(seed), \(report.stepsUsed) steps")
            case .impossible, .improved(_, _, isProven: true):
                #expect(best == nil, "seed \(seed), \(report.stepsUsed) steps")
            case .alreadyViable, .plan, .improved, .gaveUp, .cancelled: break
            }
        }
    }

    private static func cost(_ outcome: SolverOutcome) -> MigrationCost? {
        if case .plan(let plan, _) = outcome { plan.cost } else { nil }
    }
}
