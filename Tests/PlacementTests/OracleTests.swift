import Basis
import Placement
import Testing

@Suite("The solver against an oracle that tries every way")
struct OracleTests {
    /// How often each thing came up, so that the comparison cannot be empty.
    private struct Tally {
        var viable = 0
        var proven = 0
        var unproven = 0
        var stepsAside = 0
        var infeasible = 0
        var provenInfeasible = 0
        var improved = 0
        var withSoft = 0
    }

    @Test("agrees on 2,000 problems with constraints of every kind, hard and soft, discrete and continuous")
    func agreesOnAllConstraints() throws {
        var tally = Tally()
        let seeds = UInt64(1)...2_000
        for seed in seeds {
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.mixed()
            try #require(problem.defects.isEmpty, "seed \(seed): \(problem.defects)")
            try Self.compare(problem, seed: seed, &tally)
        }
        print("oracle, all constraints, seeds \(seeds):", tally)
        #expect(tally.infeasible * 10 >= seeds.count && tally.infeasible * 2 <= seeds.count, "\(tally)")
        #expect(tally.unproven == 0 && tally.provenInfeasible == tally.infeasible, "\(tally)")
        #expect(tally.stepsAside > 20 && tally.withSoft > 60, "\(tally)")
    }

    @Test("agrees on feasibility and, where it claims proof, on the least cost; every plan passes the checker")
    func agrees() throws {
        var tally = Tally()
        for seed in UInt64(1)...600 {
            var generator = ProblemGenerator(seed: seed)
            let problem = seed.isMultiple(of: 3) ? generator.crowded() : generator.small()
            try #require(problem.defects.isEmpty, "seed \(seed): \(problem.defects)")
            try Self.compare(problem, seed: seed, &tally)
        }
        print("oracle:", tally)
        #expect(tally.viable > 20 && tally.infeasible > 60 && tally.stepsAside > 3 && tally.improved > 10)
        #expect(tally.proven > 100)
        #expect(tally.unproven * 20 <= tally.proven, "at most one plan in twenty may go without proof: \(tally)")
        #expect(tally.provenInfeasible * 20 >= tally.infeasible * 19, "\(tally)")
    }

    @Test("agrees with what each kind of constraint means by itself, hard and soft", arguments: 0..<14)
    func agreesOnEach(kind: Int) throws {
        var tally = Tally()
        for seed in UInt64(1)...60 {
            var generator = ProblemGenerator(seed: seed)
            var problem = generator.mixed()
            problem.constraints = [generator.constraint(kind, of: problem)]
            problem.softConstraints = [SoftConstraint(generator.constraint(kind, of: problem), weight: 700)]
            try Self.compare(problem, seed: seed, &tally)
        }
        #expect(tally.proven > 5 && tally.infeasible > 0 && tally.unproven == 0, "\(tally)")
        #expect(tally.provenInfeasible == tally.infeasible, "\(tally)")
    }

    private static func compare(_ problem: PlacementProblem, seed: UInt64, _ tally: inout Tally) throws {
        let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: 2_000_000), seed: seed)
        let best = PathOracle(problem).leastCost()
        let checker = PlanChecker(problem)
        if best == nil { tally.infeasible += 1 }
        switch report.outcome {
        case .alreadyViable:
            tally.viable += 1
            let soft = Viability(of: problem).softCost
            #expect(best?.cost == MigrationCost(weight: soft, migrations: 0), "seed \(seed)")
        case .plan(let plan, let optimality):
            #expect(checker.defects(of: plan, claim: .viable) == [], "seed \(seed)")
            let least = try #require(best, "seed \(seed): a plan where the oracle finds none")
            if least.stepsAside { tally.stepsAside += 1 }
            if plan.softCost > 0 { tally.withSoft += 1 }
            switch optimality {
            case .proven:
                tally.proven += 1
                #expect(plan.totalCost == least.cost, "seed \(seed)")
            case .feasible(let atLeast):
                tally.unproven += 1
                #expect(atLeast <= least.cost && least.cost <= plan.totalCost, "seed \(seed)")
            }
        case .improved(let plan, let remaining, let isProven):
            tally.improved += 1
            #expect(checker.defects(of: plan, claim: .improvement) == [], "seed \(seed)")
            #expect(!remaining.isEmpty, "seed \(seed)")
            if isProven {
                tally.provenInfeasible += 1
                #expect(best == nil, "seed \(seed): called impossible, costs \(best as Any)")
            }
        case .impossible(let obstacles):
            tally.provenInfeasible += 1
            #expect(best == nil, "seed \(seed): called impossible, costs \(best as Any)")
            #expect(!obstacles.isEmpty, "seed \(seed)")
        case .gaveUp(let obstacles):
            #expect(!obstacles.isEmpty, "seed \(seed)")
        case .cancelled:
            Issue.record("seed \(seed): nobody cancelled")
        }
    }
}
