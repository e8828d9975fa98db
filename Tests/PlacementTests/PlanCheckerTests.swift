import Basis
import Placement
import Testing

@Suite("The plan checker")
struct PlanCheckerTests {
    /// One plan with one thing wrong with it.
    private struct Mutation {
        var name: String
        var change: (inout ReconfigurationPlan, inout PlacementProblem) -> Void
        var expected: (PlanDefect) -> Bool
    }

    private static let draining = problem(
        [
            (node("a", state: .draining), [vm("x", memory: 2_048), vm("y", memory: 2_048)]),
            (node("b", memory: 4_096), [vm("z", memory: 2_048)]), (node("c", memory: 4_096), []),
        ])

    private static let good = ReconfigurationPlan(
        steps: [
            [Migration(vm: "x", from: "a", to: "b", reason: .empties("a"))],
            [Migration(vm: "y", from: "a", to: "c", reason: .empties("a"))],
        ],
        cost: MigrationCost(weight: 4_096_000, migrations: 2), memoryMiB: 4_096,
        risk: PlacementRisk(expectedExcessMicrocores: 0))

    @Test("accepts a plan that is right")
    func accepts() {
        #expect(PlanChecker(Self.draining).defects(of: Self.good, claim: .viable) == [])
        #expect(PlanChecker(Self.draining).defects(of: Self.good, claim: .improvement) == [])
    }

    @Test("names what is wrong with a plan", arguments: 0..<Self.mutations.count)
    func rejects(index: Int) {
        let mutation = Self.mutations[index]
        var (plan, problem) = (Self.good, Self.draining)
        mutation.change(&plan, &problem)
        let defects = PlanChecker(problem).defects(of: plan, claim: .viable)
        #expect(defects.contains(where: mutation.expected), "\(mutation.name): \(defects)")
    }

    private static var mutations: [Mutation] { Self.wrongMoves + Self.wrongSteps + Self.wrongEnds }

    private static var wrongMoves: [Mutation] {
        [
            Mutation(name: "unknown VM") { plan, _ in
                plan.steps[0][0].vm = "w"
            } expected: {
                $0 == .unknownVM("w", step: 1)
            },
            Mutation(name: "unknown destination") { plan, _ in
                plan.steps[0][0].to = "d"
            } expected: {
                $0 == .unknownNode("d", step: 1)
            },
            Mutation(name: "wrong source") { plan, _ in
                plan.steps[0][0].from = "c"
            } expected: {
                $0 == .notAtSource("x", stated: "c", actual: "a", step: 1)
            },
            Mutation(name: "moved to where it is") { plan, _ in
                plan.steps[0][0].to = "a"
            } expected: {
                $0 == .leadsNowhere("x", "a", step: 1)
            },
            Mutation(name: "rooted") { _, problem in
                problem.vms[0].migratability = .rooted(reason: "cooldown 40 s")
            } expected: {
                $0 == .immovable("x", step: 1)
            },
            Mutation(name: "source offline") { _, problem in
                problem.nodes[0].state = .offline
            } expected: {
                $0 == .immovable("y", step: 2)
            },
            Mutation(name: "destination draining") { _, problem in
                problem.nodes[1].state = .draining
            } expected: {
                $0 == .destinationNotActive("x", "b", .draining, step: 1)
            },
            Mutation(name: "onto an empty node") { _, problem in
                problem.policy = .evacuate("a")
            } expected: {
                $0 == .destinationClosed("y", "c", step: 2)
            },
            Mutation(name: "banned") { _, problem in
                problem.constraints = [Ban(["x"], from: ["b"])]
            } expected: {
                $0 == .brokenOnTheWay(ConstraintBreach(constraint: "ban(x from b)", vms: ["x"]), step: 1)
            },
            Mutation(name: "rooted by constraint") { _, problem in
                problem.constraints = [Root(["y"])]
            } expected: {
                $0 == .brokenOnTheWay(ConstraintBreach(constraint: "root(y)", vms: ["y"]), step: 2)
            },
        ]
    }

    private static var wrongSteps: [Mutation] {
        [
            Mutation(name: "empty step") { plan, _ in
                plan.steps.insert([], at: 1)
            } expected: {
                $0 == .emptyStep(2)
            },
            Mutation(name: "the same VM twice") { plan, _ in
                plan.steps[0].append(plan.steps[0][0])
            } expected: {
                $0 == .movedTwiceInStep("x", step: 1)
            },
            Mutation(name: "both into one node") { plan, _ in
                plan.steps[1][0].to = "b"
            } expected: {
                $0 == .memoryExceeded("b", needed: 6_144, usable: 4_096, step: 2)
            },
            Mutation(name: "arrival before the departure that makes room") { plan, problem in
                problem.nodes[2].capacity.memoryMiB = 2_048
                plan.steps = [
                    [Migration(vm: "z", from: "b", to: "c", reason: .makesRoom("b"))],
                    [
                        Migration(vm: "x", from: "a", to: "c", reason: .empties("a")),
                        Migration(vm: "z", from: "c", to: "b", reason: .movesOn("c")),
                    ],
                ]
            } expected: {
                $0 == .memoryExceeded("c", needed: 4_096, usable: 2_048, step: 2)
            },
            Mutation(name: "two out of one node at once") { plan, _ in
                plan.steps = [plan.steps[0] + plan.steps[1]]
            } expected: {
                $0 == .tooManyOut("a", count: 2, cap: 1, step: 1)
            },
            Mutation(name: "two into one node at once") { plan, _ in
                plan.steps = [plan.steps[0] + [Migration(vm: "z", from: "c", to: "b", reason: .movesOn("c"))]]
            } expected: {
                $0 == .tooManyIn("b", count: 2, cap: 1, step: 1)
            },
        ]
    }

    private static var wrongEnds: [Mutation] {
        [
            Mutation(name: "cost misstated") { plan, _ in
                plan.cost.weight -= 1
            } expected: {
                $0
                    == .costMisstated(
                        stated: MigrationCost(weight: 4_095_999, migrations: 2),
                        actual: MigrationCost(weight: 4_096_000, migrations: 2))
            },
            Mutation(name: "memory misstated") { plan, _ in
                plan.memoryMiB = 0
            } expected: {
                $0 == .memoryMisstated(stated: 0, actual: 4_096)
            },
            Mutation(name: "a VM left behind") { plan, _ in
                plan.steps.removeLast()
            } expected: {
                guard case .notViable(let viability) = $0 else { return false }
                return viability.stranded == [StrandedVM(vm: "y", node: "a")]
            },
            Mutation(name: "destination overloaded at the end") { _, problem in
                problem.nodes[1].capacity.cpuMillicores = 1_500
            } expected: {
                guard case .notViable(let viability) = $0 else { return false }
                return viability.overloads.map(\.node) == ["b"]
            },
            Mutation(name: "a constraint broken at the end") { _, problem in
                problem.constraints = [Spread(["x", "z"])]
            } expected: {
                guard case .notViable(let viability) = $0 else { return false }
                return viability.breaches.map(\.vms) == [["x", "z"]]
            },
        ]
    }

    @Test("an improvement must lower the violation and may not overload another node")
    func improvement() {
        let overloaded = problem([
            (node("a"), [vm("x", cpu: 3_000), vm("y", cpu: 3_000)]), (node("b"), [vm("z", cpu: 1_500)]),
        ])
        let plan = ReconfigurationPlan(
            steps: [[Migration(vm: "x", from: "a", to: "b", reason: .relieves("a", .cpu))]],
            cost: MigrationCost(weight: 1_024_000, migrations: 1), memoryMiB: 1_024,
            risk: PlacementRisk(expectedExcessMicrocores: 0))
        let defects = PlanChecker(overloaded).defects(of: plan, claim: .improvement)
        #expect(
            defects == [
                .worsened(Overload(node: "b", resource: .cpu, load: 4_500, limit: 4_000, excessPermille: 125))
            ])
        let idle = ReconfigurationPlan(
            steps: [], cost: .zero, memoryMiB: 0, risk: PlacementRisk(expectedExcessMicrocores: 0))
        let measure = ViolationMeasure(excessPermille: 500, strandedVMs: 0, brokenConstraints: 0)
        #expect(
            PlanChecker(overloaded).defects(of: idle, claim: .improvement)
                == [.noImprovement(before: measure, after: measure)])
    }

    @Test("rejects solved plans once a migration is taken out, turned round or sent elsewhere")
    func rejectsMutatedPlans() throws {
        var mutated = 0
        for seed in UInt64(1)...40 {
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.partition(nodes: 6, vms: 60, cpuPercent: 85)
            guard case .plan(let plan, _) = try solve(problem, seed: seed) else { continue }
            let checker = PlanChecker(problem)
            #expect(checker.defects(of: plan, claim: .viable) == [], "seed \(seed)")
            for step in plan.steps.indices {
                for move in plan.steps[step].indices {
                    var without = plan
                    without.steps[step].remove(at: move)
                    var back = plan
                    (back.steps[step][move].from, back.steps[step][move].to) = (
                        plan.steps[step][move].to, plan.steps[step][move].from
                    )
                    var astray = plan
                    astray.steps[step][move].to = "n999"
                    for (name, wrong) in [("without", without), ("back", back), ("astray", astray)] {
                        mutated += 1
                        #expect(!checker.defects(of: wrong, claim: .viable).isEmpty, "seed \(seed): \(name) \(step)")
                    }
                }
            }
        }
        #expect(mutated > 100)
    }
}
