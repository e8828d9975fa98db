import Basis
import Placement
import Testing

@Suite("A solver that runs out of steps")
struct BudgetTests {
    /// Two bugs took unproven plans for proven: a search cut short between two destinations of a VM that could not stay
    /// held itself for complete, and the costs of two lower bounds were added up.
    @Test(
        "never takes what it has found for proven, however few the steps",
        arguments: [(4, 40, 20), (10, 100, 10), (20, 200, 6), (64, 640, 2)])
    func proofs(nodes: Int, vms: Int, seeds: Int) throws {
        for seed in 1...UInt64(seeds) {
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.hardPartition(nodes: nodes, vms: vms, cpuPercent: 85)
            let reports = try [10, 50, 100, 300, 1_000, 2_000, 5_000, 20_000, 60_000, 200_000, 1_000_000].map {
                try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: $0), seed: seed)
            }
            let best = reports.compactMap { Self.plan($0.outcome)?.cost }.min()
            for report in reports {
                switch report.outcome {
                case .plan(let plan, .proven): #expect(plan.cost == best, "seed \(seed), \(report.stepsUsed) steps")
                case .plan(let plan, .feasible(let bound)):
                    #expect(bound <= best ?? plan.cost, "seed \(seed), \(report.stepsUsed) steps")
                case .impossible, .improved(_, _, isProven: true):
                    #expect(best == nil, "seed \(seed), \(report.stepsUsed) steps")
                case .alreadyViable, .improved, .gaveUp, .cancelled: break
                }
            }
        }
    }

    /// A local repair had a quarter of the steps, was cut short, and the rest was left over.
    @Test("does not give up with steps to spare")
    func spare() throws {
        var generator = ProblemGenerator(seed: 1)
        let problem = generator.hardPartition(nodes: 100, vms: 1_500, cpuPercent: 95)
        var shares: [Int] = []
        for stepsMax in [100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000] {
            let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: stepsMax), seed: 1)
            switch report.outcome {
            case .improved(_, _, isProven: false), .gaveUp: shares.append(report.stepsUsed * 100 / stepsMax)
            case .plan, .alreadyViable, .improved, .impossible, .cancelled: break
            }
        }
        #expect(!shares.isEmpty && shares.allSatisfy { $0 >= 75 }, "percents of the budgets: \(shares)")
    }

    private static func plan(_ outcome: SolverOutcome) -> ReconfigurationPlan? {
        if case .plan(let plan, _) = outcome { plan } else { nil }
    }
}
