import Basis
import Placement
import Snapshots
import Testing

@Suite("Snapshots written and read again")
struct RoundTripTests {
    @Test("the golden snapshot is written as it was read, byte for byte")
    func golden() throws {
        let bytes = try SnapshotFixture.golden("fleet.json")
        let snapshot = try Snapshot.read(bytes, named: "fleet.json")
        #expect(String(decoding: snapshot.bytes, as: UTF8.self) == String(decoding: bytes, as: UTF8.self))
        #expect(Set(snapshot.constraints.map(\.constraint.typeName)) == Set(ConstraintFormat.all.map(\.name)))
    }

    @Test("the golden snapshot says what it says")
    func meaning() throws {
        let problem = try Snapshot.read(try SnapshotFixture.golden("fleet.json"), named: "fleet.json").problem()
        #expect(problem.defects == [])
        let nodes = Dictionary(uniqueKeysWithValues: problem.nodes.map { ($0.id, $0) })
        let vms = Dictionary(uniqueKeysWithValues: problem.vms.map { ($0.id, $0) })
        #expect(nodes["n1"]?.reserved == Resources(cpuMillicores: 500, memoryMiB: 2_048))
        #expect(nodes["n1"]?.site == "paris" && nodes["n1"]?.rack == "r1" && nodes["n1"]?.linkMbps == 1_000)
        #expect(nodes["n2"]?.overcommitPercent == ResourcePercents(cpu: 150, disk: 200))
        #expect(nodes["n2"]?.capacity.diskKiBPerSecond == 200_000 && nodes["n2"]?.linkMbps == 10_000)
        #expect(nodes["n3"]?.state == .draining && nodes["n4"]?.state == .offline)
        #expect(problem.thresholds(of: "n3") == LoadThresholds(overloadPercent: 80, underloadPercent: 10))
        #expect(problem.thresholds(of: "n1") == LoadThresholds(overloadPercent: 90))
        #expect(problem.flightCaps == FlightCaps(perNodeIn: 2, perNodeOut: 1) && problem.policy == .repair)
        #expect(vms["db1"]?.dirtyMiBPerSecond == 20 && vms["web 2"]?.cpuDemandVariance == 90_000)
        #expect(vms["gpu"]?.migratability == .rooted(reason: "host device 0000:3b:00.0"))
        #expect(vms["pinned"]?.migratability == .rooted(reason: SnapshotVM.rootedReason))
        #expect(problem.mapping["old"] == "n3" && problem.constraints.count == 11)
        #expect(problem.softConstraints.map(\.weight) == [500, 100, 10])
        #expect(problem.constraints.first?.isContinuous == true)
    }

    @Test("short names of resources and stated defaults mean the same")
    func otherSpellings() throws {
        let text = SnapshotFixture.text(
            nodes:
                #"{"id":"n1","capacity":{"cpu_millicores":4000,"memory_mib":8192},"overcommit_percent":{"cpu":120,"net":90},"state":"active"}"#,
            vms: #"{"id":"a","node":"n1","demand":{"cpu_millicores":1,"memory_mib":1},"migratable":true}"#,
            more: """
                "constraints":[{"type":"spread","vms":["a"],"continuous":false},
                {"type":"preserve","vms":["a"],"resource":"memory","limit":3,"continuous":true}]
                """)
        let snapshot = try Snapshot.read(Array(text.utf8), named: "s")
        #expect(snapshot.nodes.first?.node.overcommitPercent == ResourcePercents(cpu: 120, network: 90))
        #expect((snapshot.constraints.last?.constraint as? Preserve)?.resource == .memory)
    }

    @Test("a drawn problem is the same problem when its snapshot is read, and so is its solution")
    func drawn() throws {
        var kinds: Set<String> = []
        for seed in UInt64(1)...600 {
            var generator = ProblemGenerator(seed: seed)
            let drawn = generator.mixed()
            let snapshot = Snapshot(of: drawn)
            let bytes = snapshot.bytes
            let read = try Snapshot.read(bytes, named: "seed \(seed)")
            #expect(read.bytes == bytes, "seed \(seed)")
            let problem = try read.problem()
            kinds.formUnion((problem.constraints + problem.softConstraints.map(\.constraint)).map(\.typeName))
            #expect(problem.nodes == drawn.nodes && problem.vms == drawn.vms, "seed \(seed)")
            #expect(problem.mapping == drawn.mapping && problem.outside == drawn.outside, "seed \(seed)")
            #expect(problem.constraints.map(\.description) == drawn.constraints.map(\.description), "seed \(seed)")
            let budget = SolverBudget(stepsMax: 100_000)
            let expected = try RepairSolver.solve(drawn, budget: budget, seed: seed)
            #expect(try RepairSolver.solve(problem, budget: budget, seed: seed) == expected, "seed \(seed)")
        }
        #expect(kinds == Set(ConstraintFormat.all.map(\.name)))
    }

    @Test("own thresholds and an evacuation survive as well")
    func extremes() throws {
        var drawn = problem(
            [(node("n1"), [vm("a")]), (node("n2"), [vm("b", rooted: "a \"reason\"")])], policy: .evacuate("n1"))
        drawn.thresholdsByNode["n2"] = LoadThresholds(overloadPercent: 70, underloadPercent: 5)
        let read = try Snapshot.read(Snapshot(of: drawn).bytes, named: "s").problem()
        #expect(read.policy == .evacuate("n1") && read.thresholdsByNode == drawn.thresholdsByNode)
        #expect(read.vms == drawn.vms && read.flightCaps == drawn.flightCaps)
        drawn.costWeights = CostWeights(memoryPercent: 1, dirtyPercent: 2, linkPercent: 3, eachMiB: 4)
        drawn.demandPersistencePercent = 40
        let preferring = try Snapshot.read(Snapshot(of: drawn).bytes, named: "s").problem()
        #expect(preferring.costWeights == drawn.costWeights && preferring.demandPersistencePercent == 40)
    }

    @Test("another aim leaves the limits of the stated one behind")
    func otherAim() {
        let snapshot = Snapshot(
            nodes: [], vms: [], policy: SnapshotPolicy(.balance, overloadPercent: 80, movesMax: 3))
        #expect(snapshot.with(.repair).policy == SnapshotPolicy(.repair, overloadPercent: 80))
        #expect(snapshot.with(.balance).policy.movesMax == 3)
    }

    @Test("CPU demands are scaled where they are to be, rounded up")
    func scaling() {
        let fleet = Snapshot(of: problem([(node("n1"), [vm("a", cpu: 1_001)]), (node("n2"), [vm("b", cpu: 10)])]))
        #expect(fleet.scalingCPU(to: 150).vms.map(\.vm.demand.cpuMillicores) == [1_502, 15])
        #expect(fleet.scalingCPU(to: 50, on: ["n2"]).vms.map(\.vm.demand.cpuMillicores) == [1_001, 5])
    }
}
