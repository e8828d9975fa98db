import Basis
import Placement
import Testing

@Suite("Why a problem is impossible")
struct ConflictTests {
    private static let nodes = [node("n1"), node("n2"), node("n3", cpu: 1_000)]

    private static func problem(_ constraints: [any PlacementConstraint]) -> PlacementProblem {
        PlacementProblem(
            nodes: Self.nodes, vms: [vm("a"), vm("b"), vm("c"), vm("d", rooted: "host device")],
            mapping: ["a": "n1", "b": "n1", "c": "n2", "d": "n2"], constraints: constraints)
    }

    @Test(
        "tells contradictions with the constraints that contradict",
        arguments: [
            ([Fence(["a"], to: ["elsewhere"])], [[0]]),
            (
                [Fence(["a"], to: ["n1", "n2"]), Ban(["a"], from: ["n1"]), Fence(["a"], to: ["n1", "n3"])], [[0, 1, 2]]
            ),
            ([Spread(["b"]), Root(["a"]), Ban(["a"], from: ["n1"])], [[1, 2]]),
            ([Ban(["d"], from: ["n2"])], [[0]]),
            ([Quarantine(["n1"]), Fence(["a"], to: ["n2"])], [[0, 1]]),
            ([Spread(["a", "b", "c", "d"])], [[0]]),
            ([Spread(["a", "b", "c"]), Fence(["a", "b", "c"], to: ["n1", "n2"])], [[0, 1]]),
            ([Gather(["a", "b"]), Fence(["a"], to: ["n1"]), Ban(["b"], from: ["n1"])], [[0, 1, 2]]),
            ([Gather(["a", "b"]), Spread(["a", "b", "c"])], [[0, 1]]),
            ([Gather(["a", "b"]), Split(groups: [["a", "c"], ["b"]])], [[0, 1]]),
            ([Gather(["a", "d"]), Ban(["a"], from: ["n2"])], [[0, 1]]),
            (
                [Among(["a", "b"], groups: [["n1"], ["n2"]]), Ban(["a"], from: ["n1"]), Ban(["b"], from: ["n2"])],
                [[0, 1, 2]]
            ),
            ([Among(["a"], groups: [["n1", "n2"], ["n2"]])], [[0]]),
            ([Split(groups: [["a", "b"], ["b"]])], [[0]]),
            ([SplitAmong(vmGroups: [["a"], ["b"]], nodeGroups: [["n1", "n2"]])], [[0]]),
            ([MaxOnline(["n1", "n2"], limit: 0)], [[0]]),
            ([MaxOnline(["n1", "n2"], limit: 1), Root(["a"])], [[0, 1]]),
            ([RunningCapacity(["n1", "n2"], limit: 1), Root(["a"])], [[0, 1]]),
            ([RunningCapacity(["n1", "n2", "n3"], limit: 3)], [[0]]),
            ([Preserve(["a"], resource: .cpu, amount: 4_001)], [[0]]),
            ([Preserve(["a"], resource: .cpu, amount: 4_000), Fence(["a"], to: ["n3"])], [[0, 1]]),
        ] as [([any PlacementConstraint], [[Int]])])
    func contradictions(constraints: [any PlacementConstraint], expected: [[Int]]) throws {
        let problem = Self.problem(constraints)
        #expect(problem.contradictions.map(\.constraints) == expected, "\(problem.contradictions)")
        let areOverlaps = problem.contradictions.contains { $0.reason.contains("two groups") }
        #expect(areOverlaps || PathOracle(problem).leastCost() == nil, "what contradicts is impossible")
    }

    @Test(
        "tells none where there is none",
        arguments: [
            Fence(["a", "unknown"], to: ["n1"]), Spread(["a", "b", "c"]), Gather(["a", "c", "d"]),
            MaxOnline(["n1", "n2"], limit: 1), RunningCapacity(["n1", "n2", "n3"], limit: 4), Root(["a"]),
            Quarantine(["n1", "n2"]), Preserve(["a"], resource: .cpu, amount: 4_000),
            Fence(["unknown"], to: ["elsewhere"]),
        ] as [any PlacementConstraint])
    func noContradictions(constraint: any PlacementConstraint) {
        #expect(Self.problem([constraint]).contradictions == [])
    }

    @Test("what is told as a contradiction is impossible, whatever is moved")
    func contradictionsAreTrue() {
        var told = 0
        for seed in UInt64(1)...3_000 {
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.mixed()
            guard !problem.contradictions.isEmpty else { continue }
            told += 1
            #expect(PathOracle(problem).leastCost() == nil, "seed \(seed): \(problem.contradictions)")
        }
        #expect(told > 100)
    }

    @Test("names the constraints and the resource that cannot be met together, and nothing else")
    func named() throws {
        var problem = Self.problem([
            Spread(["c", "d"]), Fence(["a", "b"], to: ["n3"]), Ban(["c"], from: ["n3"]), Root(["d"]),
        ])
        problem.vms[0].demand.cpuMillicores = 600
        problem.vms[1].demand.cpuMillicores = 600
        let found = try RepairSolver.conflictingSet(of: problem, budget: .partition, seed: 1)
        let set = try #require(found)
        #expect(set.isMinimal)
        #expect(set.members == [.constraint(1, "fence(a, b to n3)"), .resource(.cpu)])
        #expect(
            set.description
                == "these cannot be met together: fence(a, b to n3); what nodes may give of CPU")
    }

    @Test("a feasible problem has no conflicting set, and one without budget is not minimised")
    func bounds() throws {
        #expect(try RepairSolver.conflictingSet(of: Self.problem([]), budget: .partition, seed: 1) == nil)
        let impossible = Self.problem([Fence(["a"], to: ["n1"]), Ban(["a"], from: ["n1"])])
        let first = try RepairSolver.solve(impossible, budget: .partition, seed: 1).stepsUsed
        let found = try RepairSolver.conflictingSet(of: impossible, budget: SolverBudget(stepsMax: first), seed: 1)
        let set = try #require(found)
        #expect(!set.isMinimal && set.members == impossible.demands)
        #expect(set.description.contains("not minimised"))
    }

    @Test("of a conflicting set every member is needed: an oracle solves what is left without any one of them")
    func minimal() throws {
        var (sets, members) = (0, 0)
        for seed in UInt64(1)...400 {
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.mixed()
            let found = try RepairSolver.conflictingSet(of: problem, budget: .partition, seed: seed)
            guard let set = found else {
                #expect(PathOracle(problem).leastCost() != nil, "seed \(seed)")
                continue
            }
            sets += 1
            members += set.members.count
            #expect(set.isMinimal, "seed \(seed)")
            #expect(PathOracle(problem.demanding(only: set.members)).leastCost() == nil, "seed \(seed): \(set)")
            for member in set.members {
                let rest = problem.demanding(only: set.members.filter { $0 != member })
                #expect(PathOracle(rest).leastCost() != nil, "seed \(seed): \(member) is idle in \(set)")
            }
        }
        print("conflicting sets: \(sets), with \(members) members, seeds 1...400")
        #expect(sets > 50)
    }
}
