import Basis
import Placement
import Testing

@Suite("Problems that make no sense")
struct ProblemValidationTests {
    @Test("every defect is listed at once, and the solver refuses the problem with the whole list")
    func all() {
        let huge = Resources.amountMax + 1
        let machine = vm("x", cpu: -1, memory: huge, dirty: -5)
        var wrong = PlacementProblem(
            nodes: [node("a", cpu: huge), node("a", link: 0)], vms: [machine, machine, vm("lost"), vm("astray")],
            mapping: ["x": "a", "astray": "nowhere", "ghost": "a"], policy: .evacuate("unknown"),
            thresholds: LoadThresholds(overloadPercent: 50, underloadPercent: 50),
            thresholdsByNode: ["a": LoadThresholds(overloadPercent: 0, underloadPercent: -1)],
            flightCaps: FlightCaps(perNodeIn: 0, perNodeOut: 65),
            costWeights: CostWeights(
                memoryPercent: 201, dirtyPercent: -1, eachMiB: CostWeights.eachMiBRange.upperBound + 1))
        wrong.nodes[0].reserved = Resources(cpuMillicores: 0, memoryMiB: 9_000)
        let defects = wrong.defects
        for expected: ProblemDefect in [
            .amountOutOfRange(
                of: "the problem", what: "memory weight in percent", amount: 201, range: CostWeights.percentRange),
            .amountOutOfRange(
                of: "the problem", what: "dirty weight in percent", amount: -1, range: CostWeights.percentRange),
            .amountOutOfRange(
                of: "the problem", what: "weight of each migration in MiB",
                amount: CostWeights.eachMiBRange.upperBound + 1, range: CostWeights.eachMiBRange),
            .duplicateNode("a"), .duplicateVM("x"), .vmNotMapped("lost"), .vmOnUnknownNode("astray", "nowhere"),
            .mappedVMUnknown("ghost"), .evacuatedNodeUnknown("unknown"),
            .reservedMoreThanCapacity("a", .memory, reserved: 9_000, capacity: 8_192),
            .thresholdsOverlap(underloadPercent: 50, overloadPercent: 50),
            .amountOutOfRange(of: "VM x", what: "CPU demand", amount: -1, range: Resources.amountRange),
            .amountOutOfRange(of: "VM x", what: "memory demand", amount: huge, range: Resources.amountRange),
            .amountOutOfRange(of: "VM x", what: "dirty rate", amount: -5, range: Resources.amountRange),
            .amountOutOfRange(of: "node a", what: "CPU capacity", amount: huge, range: Resources.amountRange),
            .amountOutOfRange(of: "node a", what: "link speed in Mbit/s", amount: 0, range: Node.linkMbpsRange),
            .amountOutOfRange(of: "the problem", what: "perNodeIn", amount: 0, range: FlightCaps.range),
            .amountOutOfRange(of: "the problem", what: "perNodeOut", amount: 65, range: FlightCaps.range),
            .amountOutOfRange(
                of: "node a", what: "overload percent", amount: 0, range: LoadThresholds.overloadPercentRange),
        ] {
            #expect(defects.contains(expected), "\(expected)")
        }
        #expect(throws: InvalidPlacementProblem(defects: defects)) {
            try RepairSolver.solve(wrong, budget: .partition, seed: 1)
        }
    }

    @Test(
        "amounts at both ends of their range are accepted and solved without overflow",
        arguments: [0, Resources.amountMax])
    func extremes(amount: Int) throws {
        let demand = Resources(
            cpuMillicores: amount, memoryMiB: min(amount, PlacementProblem.memoryMiBMax), diskKiBPerSecond: amount,
            networkKiBPerSecond: amount)
        var extreme = problem([(node("a", link: 1), []), (node("b", link: 10_000_000), [])])
        extreme.nodes[1].capacity = demand
        extreme.vms = [
            VirtualMachine(id: "x", demand: demand, cpuDemandVariance: amount, dirtyMiBPerSecond: amount)
        ]
        extreme.mapping["x"] = "a"
        extreme.thresholds = LoadThresholds(overloadPercent: 1_000)
        #expect(extreme.defects == [])
        switch try solve(extreme) {
        case .alreadyViable: #expect(amount == 0)
        case .plan(let plan, .proven):
            #expect(amount > 0 && PlanChecker(extreme).defects(of: plan, claim: .viable) == [])
        case let other: Issue.record("\(other)")
        }
    }

    @Test("more memory than a cost can count is refused")
    func totalMemory() {
        let half = PlacementProblem.memoryMiBMax / 2 + 1
        let huge = problem([(node("a"), [vm("x", memory: half), vm("y", memory: half)])])
        #expect(huge.defects.count == 1)
    }

    @Test("constraints may name what the partition does not have")
    func outsiders() throws {
        let partial = problem(
            [(node("a"), [vm("x")])], constraints: [Spread(["x", "afar"]), Ban(["afar"], from: ["beyond"])])
        #expect(partial.defects == [])
        #expect(try solve(partial) == .alreadyViable)
    }

    @Test("a problem without nodes or VMs is viable")
    func empty() throws {
        #expect(try solve(problem([])) == .alreadyViable)
        #expect(try solve(problem([(node("a"), [])])) == .alreadyViable)
    }
}
