import Basis
import Placement
import Testing

@Suite("What is viable")
struct ViabilityTests {
    @Test(
        "a load at the limit is no overload, one more is",
        arguments: [
            (load: 0, percent: 80, over: false), (load: 3_039, percent: 80, over: false),
            (load: 3_040, percent: 80, over: false), (load: 3_041, percent: 80, over: true),
            (load: 3_800, percent: 100, over: false), (load: 3_801, percent: 100, over: true),
            (load: 4_560, percent: 120, over: false), (load: 4_561, percent: 120, over: true),
            (load: 38, percent: 1, over: false), (load: 39, percent: 1, over: true),
        ])
    func cpuBoundary(load: Int, percent: Int, over: Bool) {
        let node = Node(
            id: "a", capacity: Resources(cpuMillicores: 4_000, memoryMiB: 100),
            reserved: Resources(cpuMillicores: 200, memoryMiB: 0))
        let overloads = node.overloads(
            under: Resources(cpuMillicores: load, memoryMiB: 0), LoadThresholds(overloadPercent: percent))
        #expect(overloads.isEmpty == !over)
        #expect((load * 100 > percent * 3_800) == over, "the table itself follows the definition")
    }

    @Test(
        "memory may never exceed capacity − reserved, and the percent binds it below that",
        arguments: [
            (load: 7_680, percent: 100, over: false), (load: 7_681, percent: 100, over: true),
            (load: 7_681, percent: 150, over: true), (load: 6_144, percent: 80, over: false),
            (load: 6_145, percent: 80, over: true),
        ])
    func memoryBoundary(load: Int, percent: Int, over: Bool) {
        let node = Node(
            id: "a", capacity: Resources(cpuMillicores: 1, memoryMiB: 8_192),
            reserved: Resources(cpuMillicores: 0, memoryMiB: 512))
        let overloads = node.overloads(
            under: Resources(cpuMillicores: 0, memoryMiB: load), LoadThresholds(overloadPercent: percent))
        #expect(overloads.map(\.resource) == (over ? [.memory] : []))
    }

    @Test(
        "overcommitment multiplies what there is; overbook replaces it where it is stricter; thresholds are of that",
        arguments: [
            (overcommit: 150, ratio: nil, percent: 100, limit: 1_500),
            (overcommit: 150, ratio: 120, percent: 100, limit: 1_200),
            (overcommit: 150, ratio: 200, percent: 100, limit: 1_500),
            (overcommit: 150, ratio: 120, percent: 80, limit: 960),
            (overcommit: 150, ratio: 120, percent: 120, limit: 1_200),
            (overcommit: 50, ratio: nil, percent: 120, limit: 600), (overcommit: 100, ratio: 0, percent: 100, limit: 0),
        ] as [(overcommit: Int, ratio: Int?, percent: Int, limit: Int)], [Resource.cpu, .memory])
    func overcommitment(values: (overcommit: Int, ratio: Int?, percent: Int, limit: Int), resource: Resource) {
        var machine = node("a", cpu: 1_000, memory: 1_000)
        machine.overcommitPercent[resource] = values.overcommit
        var single = problem([(machine, [vm("x", cpu: 0, memory: 0)])], overloadPercent: values.percent)
        if let ratio = values.ratio {
            single.constraints = [Overbook(["a"], resource: resource, ratioPercent: ratio)]
        }
        let isCapped = resource == .memory && values.percent > 100 && values.ratio == nil
        let limit = isCapped ? values.limit * 100 / values.percent : values.limit
        for (load, isOver) in [(limit, false), (limit + 1, true)] {
            single.vms[0].demand[resource] = load
            #expect(Viability(of: single).overloads.map(\.resource) == (isOver ? [resource] : []), "\(load)")
        }
    }

    @Test("what a VM is to be preserved counts as its demand, and is not copied")
    func preserved() throws {
        let promised = problem(
            [(node("a", cpu: 1_000), [vm("x", cpu: 300, memory: 64), vm("y", cpu: 300)]), (node("b"), [])],
            constraints: [
                Preserve(["x"], resource: .cpu, amount: 800), Preserve(["x"], resource: .memory, amount: 512),
            ])
        #expect(Viability(of: promised).overloads.map(\.load) == [1_100])
        guard case .plan(let plan, .proven) = try solve(promised) else {
            Issue.record("\(try solve(promised))")
            return
        }
        #expect(plan.migrations.map(\.vm) == ["x"] && plan.memoryMiB == 64)
    }

    @Test("a capacity of 0 means no limit for disk and network, and nothing at all for CPU and memory")
    func zeroCapacity() {
        let node = Node(id: "a", capacity: .zero)
        let load = Resources(cpuMillicores: 1, memoryMiB: 1, diskKiBPerSecond: 1, networkKiBPerSecond: 1)
        let overloads = node.overloads(under: load, LoadThresholds())
        #expect(overloads.map(\.resource) == [.cpu, .memory])
        #expect(overloads.allSatisfy { $0.excessPermille == Overload.excessPermilleMax })
    }

    @Test(
        "the excess is counted in permille of what the node may give, rounded up and capped",
        arguments: [(1_001, 1), (1_500, 500), (3_000, 2_000), (Resources.amountMax, 1_000_000)])
    func excess(load: Int, permille: Int) {
        let overloads = node("a", cpu: 1_000).overloads(
            under: Resources(cpuMillicores: load, memoryMiB: 0), LoadThresholds())
        #expect(overloads.map(\.excessPermille) == [permille])
    }

    @Test(
        "a node is underloaded when it hosts something, CPU or memory is below the threshold and nothing is overloaded",
        arguments: [
            (cpu: 0, memory: 0, expected: false), (cpu: 999, memory: 9_000, expected: false),
            (cpu: 999, memory: 8_000, expected: true), (cpu: 1_000, memory: 8_000, expected: false),
            (cpu: 1_000, memory: 2_047, expected: true), (cpu: 1_000, memory: 2_048, expected: false),
        ])
    func underload(cpu: Int, memory: Int, expected: Bool) {
        let thresholds = LoadThresholds(overloadPercent: 100, underloadPercent: 25)
        let load = Resources(cpuMillicores: cpu, memoryMiB: memory)
        #expect(node("a").isUnderloaded(under: load, thresholds) == expected)
    }

    @Test("VMs on a draining node are stranded, an offline node is not judged")
    func states() {
        let draining = problem([(node("a", state: .draining), [vm("x")]), (node("b"), [])])
        #expect(Viability(of: draining).stranded == [StrandedVM(vm: "x", node: "a")])
        let offline = problem([(node("a", state: .offline), [vm("x", cpu: 9_000)])])
        #expect(Viability(of: offline).isViable)
    }

    @Test("a node with thresholds of its own is judged by them")
    func ownThresholds() {
        var loaded = problem([(node("a"), [vm("x", cpu: 3_600)]), (node("b"), [vm("y", cpu: 3_600)])])
        #expect(Viability(of: loaded).isViable)
        loaded.thresholdsByNode["b"] = LoadThresholds(overloadPercent: 80)
        #expect(Viability(of: loaded).overloads.map(\.node) == ["b"])
    }

    @Test("the violation adds excess, stranded VMs and broken constraints")
    func violation() {
        let wrong = problem(
            [
                (node("a", cpu: 1_000), [vm("x", cpu: 1_100), vm("y", cpu: 150)]),
                (node("b", state: .draining), [vm("z")]),
            ],
            constraints: [Spread(["x", "y"]), Fence(["z"], to: ["a"])])
        let violation = Viability(of: wrong).violation
        #expect(violation == ViolationMeasure(excessPermille: 250, strandedVMs: 1, brokenConstraints: 2))
        #expect(violation.total == 3_250)
    }
}
