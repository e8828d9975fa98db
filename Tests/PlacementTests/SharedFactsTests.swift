import Basis
import Placement
import Testing

@Suite("Constraints about what lies outside, and constraints that are only worth something")
struct SharedFactsTests {
    /// x must leave n1; without constraints it goes to n3, which hosts nothing.
    private static func problem(
        _ constraint: any PlacementConstraint, _ outside: Mapping, isHard: Bool = true
    ) -> PlacementProblem {
        var problem = PlacementTests.problem([
            (node("n1", state: .draining), [vm("x")]), (node("n2"), [vm("y")]), (node("n3"), []),
        ])
        problem.outside = outside
        if isHard {
            problem.constraints = [constraint]
        } else {
            problem.softConstraints = [SoftConstraint(constraint, weight: 1)]
        }
        return problem
    }

    @Test(
        "VMs known outside bind those within, hard and soft",
        arguments: [
            (Spread(["x", "far"]), "n3", "n2"), (Spread(["x", "far"]), "beyond", "n3"),
            (Split(groups: [["x"], ["far"]]), "n3", "n2"), (Split(groups: [["x", "far"], ["y"]]), "n3", "n3"),
            (Gather(["x", "far"]), "n2", "n2"), (Gather(["x", "far"]), "n3", "n3"),
            (Among(["x", "far"], groups: [["n2", "beyond"], ["n3"]]), "beyond", "n2"),
            (Among(["x", "far"], groups: [["n2"], ["n3", "beyond"]]), "beyond", "n3"),
            (SplitAmong(vmGroups: [["x"], ["far"]], nodeGroups: [["n3", "beyond"], ["n2"]]), "beyond", "n2"),
            (Lonely(["x", "y"]), "n3", "n2"), (Lonely(["x", "y"]), "beyond", "n3"),
            (MaxOnline(["n3", "beyond"], limit: 1), "beyond", "n2"),
            (RunningCapacity(["n3", "beyond"], limit: 1), "beyond", "n2"),
            (Fence(["far"], to: ["n2"]), "beyond", "n3"), (Root(["far"]), "beyond", "n3"),
        ] as [(any PlacementConstraint, NodeID, NodeID)], [true, false])
    func outside(values: (constraint: any PlacementConstraint, far: NodeID, to: NodeID), isHard: Bool) throws {
        let problem = Self.problem(values.constraint, ["far": values.far], isHard: isHard)
        #expect(problem.defects == [])
        guard case .plan(let plan, .proven) = try solve(problem) else {
            Issue.record("\(try solve(problem))")
            return
        }
        #expect(plan.migrations.map(\.to) == [values.to] && plan.softCost == 0)
        #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [])
    }

    @Test("a VM of which nothing is known counts nowhere, and one on a node outside cannot be joined")
    func unknown() throws {
        guard case .plan(let plan, .proven) = try solve(Self.problem(Spread(["x", "far"]), [:])) else {
            Issue.record("not solved")
            return
        }
        #expect(plan.migrations.map(\.to) == ["n3"])
        guard
            case .improved(_, let remaining, isProven: true) = try solve(
                Self.problem(Gather(["x", "far"]), ["far": "beyond"]))
        else {
            Issue.record("a VM outside was joined")
            return
        }
        #expect(remaining.map(\.description).contains { $0.contains("gather(far, x) is broken by far, x") })
    }

    @Test("what VMs outside break among themselves is no breach of the problem")
    func foreign() throws {
        let quiet = Self.problem(Spread(["far", "farther"]), ["far": "beyond", "farther": "beyond"])
        #expect(Viability(of: quiet).breaches == [])
        #expect(Self.problem(Spread(["x"]), ["x": "beyond"]).defects == [.vmInsideAndOutside("x")])
    }

    @Test(
        "a soft constraint is mended when that costs less than its breach, and only then",
        arguments: [(0, false), (1_023, false), (1_024, false), (1_025, true), (9_999, true)])
    func worth(weight: Int, pays: Bool) throws {
        var problem = PlacementTests.problem([(node("n1"), [vm("x"), vm("y")]), (node("n2"), [])])
        problem.softConstraints = [SoftConstraint(Spread(["x", "y"]), weight: weight)]
        #expect(Viability(of: problem).isViable && Viability(of: problem).softCost == weight * 1_000)
        switch try solve(problem) {
        case .alreadyViable: #expect(!pays)
        case .plan(let plan, .proven):
            #expect(pays && plan.cost.migrations == 1 && plan.softCost == 0)
            #expect(plan.migrations.allSatisfy { $0.reason == .mends(constraint: "spread(x, y)") })
            #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [])
        case let other: Issue.record("\(other)")
        }
    }

    @Test("a plan pays for a soft constraint when mending it would cost more, and says so")
    func paid() throws {
        var problem = PlacementTests.problem([
            (node("n1", state: .draining), [vm("x")]), (node("n2"), [vm("y", memory: 4_096)]),
        ])
        problem.softConstraints = [SoftConstraint(Spread(["x", "y"]), weight: 10)]
        guard case .plan(var plan, .proven) = try solve(problem) else {
            Issue.record("\(try solve(problem))")
            return
        }
        #expect(plan.softCost == 10_000 && plan.totalCost == MigrationCost(weight: 1_034_000, migrations: 1))
        plan.softCost = 0
        #expect(
            PlanChecker(problem).defects(of: plan, claim: .viable) == [.softCostMisstated(stated: 0, actual: 10_000)])
    }

    @Test("a breach that is not worth mending does not hide one that is, though it takes two moves at once")
    func beyondTheFirst() throws {
        var problem = PlacementTests.problem([
            (
                node("n1", memory: 20_000),
                [vm("big", memory: 8_000), vm("o1", memory: 100), vm("o2", memory: 100)]
            ),
            (node("n2", memory: 20_000), [vm("p", memory: 4_000), vm("q", memory: 4_000)]),
            (node("n3", memory: 20_000), []),
        ])
        problem.softConstraints = [
            SoftConstraint(Spread(["p", "q"]), weight: 1), SoftConstraint(Lonely(["big"]), weight: 1_000),
        ]
        guard case .plan(let plan, .proven) = try solve(problem) else {
            Issue.record("\(try solve(problem))")
            return
        }
        #expect(Set(plan.migrations.map(\.vm)) == ["o1", "o2"] && plan.softCost == 1_000)
        #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [])
    }

    @Test(
        "under a continuous constraint VMs that change places wait for each other or step aside",
        arguments: [true, false])
    func continuous(isContinuous: Bool) throws {
        // Each of x and y is to go where the other is, and they must not meet.
        let swap = PlacementTests.problem(
            [(node("n1"), [vm("x")]), (node("n2"), [vm("y")]), (node("n3"), [])],
            constraints: [
                Spread(["x", "y"], isContinuous: isContinuous), Fence(["x"], to: ["n2"], isContinuous: false),
                Fence(["y"], to: ["n1"], isContinuous: false),
            ])
        guard case .plan(let plan, .proven) = try solve(swap) else {
            Issue.record("\(try solve(swap))")
            return
        }
        #expect(plan.cost.migrations == (isContinuous ? 3 : 2))
        #expect(PlanChecker(swap).defects(of: plan, claim: .viable) == [])
    }

    @Test("in partitions with constraints of every kind, every plan passes the checker")
    func partitions() throws {
        var kinds: [String: Int] = [:]
        for seed in UInt64(1)...30 {
            var generator = ProblemGenerator(seed: seed)
            var problem = generator.partition(nodes: 8, vms: 60, cpuPercent: 75)
            for index in 0..<12 {
                let constraint = generator.constraint(of: problem)
                if index % 3 == 0 {
                    problem.constraints.append(constraint)
                } else {
                    problem.softConstraints.append(SoftConstraint(constraint, weight: 2_000))
                }
            }
            let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: 50_000), seed: seed)
            switch report.outcome {
            case .plan(let plan, _):
                kinds["plan", default: 0] += 1
                #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [], "seed \(seed)")
                let before = Viability(of: problem)
                if before.isViable {
                    let paid = MigrationCost(weight: before.softCost, migrations: 0)
                    #expect(plan.totalCost < paid, "seed \(seed): a plan that does not pay")
                }
            case .improved(let plan, _, _):
                kinds["improved", default: 0] += 1
                #expect(PlanChecker(problem).defects(of: plan, claim: .improvement) == [], "seed \(seed)")
            case .alreadyViable: kinds["viable", default: 0] += 1
            case .impossible: kinds["impossible", default: 0] += 1
            case .gaveUp: kinds["gave up", default: 0] += 1
            case .cancelled: Issue.record("seed \(seed): nobody cancelled")
            }
        }
        print("partitions with every kind of constraint, seeds 1...30:", kinds.sorted { $0.key < $1.key })
        #expect(kinds["plan", default: 0] > 10)
    }
}
