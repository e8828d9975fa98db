import Basis
import Placement
import Testing

@Suite("The repair solver")
struct RepairSolverTests {
    /// The plan of an outcome that is one, after the checker has accepted it.
    private func plan(
        _ problem: PlacementProblem, location: SourceLocation = #_sourceLocation
    ) throws -> ReconfigurationPlan {
        let outcome = try solve(problem)
        let plan: ReconfigurationPlan? = if case .plan(let plan, .proven) = outcome { plan } else { nil }
        let proven = try #require(plan, "no proven plan: \(outcome)", sourceLocation: location)
        #expect(PlanChecker(problem).defects(of: proven, claim: .viable) == [], sourceLocation: location)
        return proven
    }

    @Test("moves the VMs with the least memory that cure the overload")
    func leastMemory() throws {
        let plan = try self.plan(
            problem([
                (
                    node("a"),
                    [vm("big", cpu: 2_000, memory: 4_096), vm("small", cpu: 1_500, memory: 512), vm("mid", cpu: 1_500)]
                ),
                (node("b"), []),
            ]))
        #expect(plan.steps == [[Migration(vm: "small", from: "a", to: "b", reason: .relieves("a", .cpu))]])
        #expect(plan.memoryMiB == 512 && plan.cost == MigrationCost(weight: 512_000, migrations: 1))
    }

    @Test("of VMs with like memory, moves the one that writes least, over the faster link")
    func dirtyRateAndLink() throws {
        let plan = try self.plan(
            problem([
                (node("a", link: 10_000), [vm("busy", cpu: 2_100, dirty: 90), vm("calm", cpu: 2_100, dirty: 10)]),
                (node("b", link: 1_000), []), (node("c", link: 10_000), []),
            ]))
        #expect(plan.migrations.map(\.vm) == ["calm"] && plan.migrations.map(\.to) == ["c"])
    }

    @Test("a VM of a viable node makes room when nothing else does")
    func makesRoom() throws {
        let plan = try self.plan(
            problem([
                (node("a"), [vm("x", cpu: 2_500), vm("y", cpu: 2_500, rooted: "host device")]),
                (node("b"), [vm("s", cpu: 2_000)]), (node("c"), [vm("t", cpu: 2_000)]),
            ]))
        #expect(plan.cost.migrations == 2)
        #expect(plan.migrations.contains { $0.vm == "x" && $0.reason == .relieves("a", .cpu) })
        #expect(plan.migrations.contains { $0.vm != "x" && $0.reason == .makesRoom($0.from) })
    }

    @Test("two VMs that must change places while memory is full do so over a pivot")
    func pivot() throws {
        let swap = problem(
            [
                (node("a", cpu: 1_000, memory: 2_048), [vm("big", cpu: 2_000, memory: 2_048)]),
                (node("b", cpu: 2_000, memory: 2_048), [vm("little", cpu: 500, memory: 2_048)]),
                (node("pivot", cpu: 100, memory: 2_048), []),
            ])
        let plan = try self.plan(swap)
        #expect(plan.cost.migrations == 3 && plan.memoryMiB == 3 * 2_048 && plan.steps.count == 3)
        #expect(plan.migrations.contains { $0.to == "pivot" && $0.reason == .stepsAside($0.from) })
        #expect(plan.migrations.contains { $0.from == "pivot" && $0.reason == .movesOn("pivot") })
    }

    @Test("VMs change places over a third node also where there are too many to try every way")
    func pivotAmongMany() throws {
        // On the full node the CPU is free and on the others the memory: one of two large VMs has to wait elsewhere.
        let others = (1...8).map { index in
            (
                node(ProblemGenerator.nodeID(index), cpu: 10_000, memory: 16_384),
                [vm(ProblemGenerator.vmID(index), cpu: 9_990, memory: 8_192)]
            )
        }
        let crowded = problem(
            [
                (
                    node("a", cpu: 32_000, memory: 16_384),
                    [vm("busy", cpu: 20_000, memory: 8_192), vm("busier", cpu: 13_000, memory: 8_192)]
                ),
                (
                    node("b", cpu: 32_000, memory: 16_384),
                    [vm("idle", cpu: 1_000, memory: 8_192), vm("idler", cpu: 900, memory: 8_192)]
                ),
            ] + others)
        guard case .plan(let plan, .proven) = try solve(crowded) else {
            Issue.record("\(try solve(crowded))")
            return
        }
        #expect(plan.migrations.count == 3 && Set(plan.migrations.map(\.vm)).count == 2, "\(plan)")
        #expect(PlanChecker(crowded).defects(of: plan, claim: .viable) == [])
    }

    @Test("without a node to step aside to, the change of places is proven impossible")
    func noPivot() throws {
        let swap = problem([
            (node("a", cpu: 1_000, memory: 2_048), [vm("big", cpu: 2_000, memory: 2_048)]),
            (node("b", cpu: 2_000, memory: 2_048), [vm("little", cpu: 500, memory: 2_048)]),
        ])
        guard case .impossible(let obstacles) = try solve(swap) else {
            Issue.record("\(try solve(swap))")
            return
        }
        #expect(obstacles.count == 1)
        #expect(obstacles[0].description.contains("a is asked for 2000 millicores of CPU and may give 1000"))
        #expect(obstacles[0].description.contains("big: none of 1 nodes has room"))
    }

    @Test("an arrival waits when it would block another on whose room it depends")
    func orderInTightMemory() throws {
        let plan = try self.plan(
            problem(
                [
                    (node("b", cpu: 2_000, memory: 2_048), [vm("toD", memory: 1_024)]),
                    (node("c", state: .draining), [vm("late", cpu: 1_000, memory: 1_024)]),
                    (node("d", cpu: 1_000, memory: 1_024), [vm("early", cpu: 900, memory: 1_024)]),
                ], constraints: [Fence(["toD"], to: ["d"]), Fence(["early", "late"], to: ["b"])]))
        #expect(plan.migrations.map(\.vm) == ["early", "toD", "late"])
    }

    @Test("migrations between different nodes share a step, a node's caps split them", arguments: [1, 2])
    func steps(cap: Int) throws {
        let drained = problem(
            [
                (node("a", state: .draining), [vm("v1"), vm("v2")]),
                (node("b", state: .draining), [vm("v3"), vm("v4")]),
                (node("c", cpu: 2_000), []), (node("d", cpu: 2_000), []),
            ], caps: FlightCaps(perNodeIn: cap, perNodeOut: cap))
        let plan = try self.plan(drained)
        #expect(plan.cost.migrations == 4)
        #expect(plan.steps.count >= 2 / cap && plan.steps.count <= 4 / cap)
        #expect(plan.migrations.allSatisfy { $0.reason == .empties($0.from) })
    }

    @Test("a draining node that cannot be emptied is emptied as far as it goes, and the rest is explained")
    func partialDrain() throws {
        let drained = problem([
            (node("a", state: .draining), [vm("goes"), vm("stays", rooted: "host device 0000:3b:00.0")]),
            (node("b"), []),
        ])
        guard case .improved(let plan, let remaining, isProven: true) = try solve(drained) else {
            Issue.record("\(try solve(drained))")
            return
        }
        #expect(PlanChecker(drained).defects(of: plan, claim: .improvement) == [])
        #expect(plan.migrations.map(\.vm) == ["goes"])
        #expect(
            remaining == [
                PlacementObstacle(
                    defect: .stranded(StrandedVM(vm: "stays", node: "a")),
                    refusals: [
                        VMRefusal(
                            vm: "stays", reason: .immovable(.rooted(reason: "host device 0000:3b:00.0")))
                    ])
            ])
    }

    @Test("never moves a VM onto a draining or an offline node", arguments: [NodeState.draining, .offline])
    func closedNodes(state: NodeState) throws {
        let full = problem([
            (node("a"), [vm("x", cpu: 3_000), vm("y", cpu: 3_000)]), (node("b", state: state), []),
        ])
        guard case .impossible(let obstacles) = try solve(full) else {
            Issue.record("\(try solve(full))")
            return
        }
        #expect(obstacles.contains { $0.defect == .tooLittleInTotal(.cpu, demand: 6_000, limit: 4_000) })
        #expect(
            obstacles.flatMap(\.refusals).allSatisfy { $0.reason == .immovable(.nowhereAllowed) })
    }

    @Test("between plans of equal cost the one with less risk wins")
    func risk() throws {
        let plan = try self.plan(
            problem([
                (node("a"), [vm("x", cpu: 2_500), vm("y", cpu: 2_500)]),
                (node("b"), [vm("wild", cpu: 1_000, variance: 1_000_000)]),
                (node("c"), [vm("steady", cpu: 1_200, variance: 100)]),
            ]))
        #expect(plan.migrations.map(\.to) == ["c"])
    }

    @Test(
        "the less of demands is expected to stay, the less many VMs at a quiet moment are taken for room",
        arguments: [(percent: 100, destination: NodeID("n2")), (percent: 50, destination: "n3")])
    func demandPersistence(percent: Int, destination: NodeID) throws {
        func group(_ name: String, _ count: Int, cpu: Int) -> [VirtualMachine] {
            (1...count).map { vm(VMID(stringLiteral: "\(name)\($0)"), cpu: cpu) }
        }
        var overload = problem([
            (node("n1"), group("busy", 5, cpu: 1_000)), (node("n2"), group("quiet", 6, cpu: 300)),
            (node("n3"), group("some", 2, cpu: 1_000)),
        ])
        overload.demandPersistencePercent = percent
        #expect(try self.plan(overload).migrations.map(\.to) == [destination])
    }

    @Test("emptying a node is all or nothing, never onto an empty or draining node")
    func evacuation() throws {
        let room = problem(
            [
                (node("a"), [vm("x"), vm("y")]), (node("b"), [vm("z", cpu: 2_500)]), (node("c"), [vm("w")]),
                (node("empty"), []),
            ], policy: .evacuate("a"))
        let plan = try self.plan(room)
        #expect(Set(plan.migrations.map(\.vm)) == ["x", "y"])
        #expect(plan.migrations.allSatisfy { $0.to != "empty" && $0.reason == .empties("a") })

        let tight = problem(
            [(node("a"), [vm("x"), vm("y")]), (node("b"), [vm("z", cpu: 2_500)]), (node("empty"), [])],
            policy: .evacuate("a"))
        guard case .impossible(let obstacles) = try solve(tight) else {
            Issue.record("\(try solve(tight))")
            return
        }
        #expect(obstacles.contains { $0.defect == .stranded(StrandedVM(vm: "x", node: "a")) })
    }

    @Test("stops when it is cancelled, and when its steps are used up")
    func stops() throws {
        var generator = ProblemGenerator(seed: 3)
        let large = generator.partition(nodes: 20, vms: 200, cpuPercent: 95)
        var looks = 0
        let cancelled = try RepairSolver.solve(large, budget: .partition, seed: 1) {
            looks += 1
            return true
        }
        #expect(cancelled.outcome == .cancelled && looks == 1)
        let starved = try RepairSolver.solve(large, budget: SolverBudget(stepsMax: 0), seed: 1)
        guard case .gaveUp(let obstacles) = starved.outcome else {
            Issue.record("\(starved.outcome)")
            return
        }
        #expect(!obstacles.isEmpty)
    }

    @Test("counts its steps, and ends soon after its budget", arguments: [1_000, 20_000, 200_000])
    func budget(stepsMax: Int) throws {
        for seed in UInt64(1)...5 {
            var generator = ProblemGenerator(seed: seed)
            let large = generator.partition(nodes: 20, vms: 200, cpuPercent: 99)
            let report = try RepairSolver.solve(large, budget: SolverBudget(stepsMax: stepsMax), seed: seed)
            #expect(report.stepsUsed > 0 && report.stepsUsed <= stepsMax + 20_000, "seed \(seed)")
        }
    }

    @Test("the same seed gives the same report, in whatever order nodes and VMs are listed")
    func deterministic() throws {
        for seed in UInt64(1)...160 {
            var generator = ProblemGenerator(seed: seed)
            let problem =
                seed > 60
                ? generator.mixed()
                : seed <= 40 ? generator.small() : generator.partition(nodes: 12, vms: 120, cpuPercent: 92)
            let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: 200_000), seed: seed)
            let again = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: 200_000), seed: seed)
            #expect(report == again, "seed \(seed)")
            let shuffled = generator.shuffled(problem)
            let other = try RepairSolver.solve(shuffled, budget: SolverBudget(stepsMax: 200_000), seed: seed)
            #expect(report == other, "seed \(seed), shuffled")
        }
    }
}
