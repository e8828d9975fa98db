import Basis
import Placement
import Snapshots
import Testing

@Suite("Bytes that nobody wrote")
struct HostileInputTests {
    /// Reads what is there as what it may be, and writes and judges what could be read.
    private static func exercise(_ bytes: [UInt8], _ snapshot: Snapshot) {
        if let read = try? Snapshot.read(bytes, named: "f") {
            _ = read.bytes
            _ = try? read.problem().defects
        }
        if let plan = try? PlanDocument.read(bytes, named: "f") {
            _ = plan.bytes
            _ = try? PlanVerification(of: plan, against: snapshot).findings
        }
    }

    private static func mutated(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        let interesting = Array("{}[],:\"\\0-9eE.utfn ".utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            guard !bytes.isEmpty else { break }
            let place = Int.random(in: bytes.indices, using: &random)
            let byte = interesting[Int.random(in: interesting.indices, using: &random)]
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = byte
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.insert(byte, at: place)
            case 3: bytes.removeSubrange(place..<min(place + Int.random(in: 1...20, using: &random), bytes.count))
            case 4: bytes.removeLast(bytes.count - place)
            default:
                let end = min(place + Int.random(in: 1...40, using: &random), bytes.count)
                bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: bytes.indices, using: &random))
            }
        }
        return bytes
    }

    @Test("50,000 mutations of the golden files neither trap nor take long")
    func mutations() throws {
        let snapshot = try Snapshot.read(try SnapshotFixture.golden("fleet.json"), named: "fleet.json")
        let files = [try SnapshotFixture.golden("fleet.json"), try SnapshotFixture.golden("fleet.plan.json")]
        var random = SplitMix64(seed: 1)
        var read = 0
        let clock = ContinuousClock()
        let took = clock.measure {
            for round in 0..<50_000 {
                let bytes = Self.mutated(files[round % 2], &random)
                if (try? JSONReader.read(bytes)) != nil { read += 1 }
                Self.exercise(bytes, snapshot)
            }
        }
        print("50,000 mutations in \(took), \(read) of them still JSON")
        #expect(read > 4_000 && took < .seconds(120))
    }

    @Test("a file of nonsense is refused with a hundred problems, however many it has")
    func nonsense() throws {
        let one = #"{"id":"v","node":"nowhere","x":{"y":[]},"demand":-1}"#
        let text = SnapshotFixture.text(vms: Array(repeating: one, count: 100_000).joined(separator: ","))
        let clock = ContinuousClock()
        var problems: [String] = []
        let took = clock.measure { problems = SnapshotFixture.problems(text) }
        #expect(problems.count == InvalidInput.problemsMax + 1, "\(problems.count)")
        #expect(took < .seconds(10), "\(took)")
    }

    @Test("a plan that moves what is huge again and again is no overflow")
    func hugePlan() throws {
        let huge = PlacementProblem.memoryMiBMax
        let nodes = ["n1", "n2"].map {
            Node(
                id: NodeID($0) ?? "n", capacity: Resources(cpuMillicores: 1, memoryMiB: huge), linkMbps: 1)
        }
        let vm = VirtualMachine(id: "a", demand: Resources(cpuMillicores: 0, memoryMiB: huge), dirtyMiBPerSecond: 1)
        let snapshot = Snapshot(nodes: nodes.map { SnapshotNode($0) }, vms: [SnapshotVM(vm, on: "n1")])
        let there = PlannedMove(vm: "a", from: "n1", to: "n2", reason: "")
        let back = PlannedMove(vm: "a", from: "n2", to: "n1", reason: "")
        let plan = PlanDocument(
            status: .feasible, violationsBefore: 0, violationsAfter: 0, migrations: 2_000, memoryMiB: 0,
            steps: Array(repeating: [[there], [back]], count: 1_000).flatMap { $0 }, durationSeconds: 0,
            solveMilliseconds: 0)
        #expect(
            try PlanVerification(of: plan, against: snapshot).findings == ["it moves more memory than can be counted"])
    }

    @Test("10,000 nodes with 100,000 VMs are read in well under a second")
    func large() throws {
        var generator = ProblemGenerator(seed: 1)
        let small = generator.partition(nodes: 20, vms: 200, cpuPercent: 60)
        var snapshot = Snapshot(of: small)
        snapshot.isPartition = false
        snapshot.nodes = (0..<10_000).map { index in
            var node = small.nodes[index % 20]
            node.id = NodeID("node-\(index)") ?? node.id
            return SnapshotNode(node)
        }
        snapshot.vms = (0..<100_000).map { index in
            var vm = small.vms[index % 200]
            vm.id = VMID("machine-\(index)") ?? vm.id
            return SnapshotVM(vm, on: NodeID("node-\(index / 10)") ?? "n", vcpus: 4)
        }
        let bytes = snapshot.bytes
        let clock = ContinuousClock()
        var read: Snapshot?
        let tree = try clock.measure { _ = try JSONReader.read(bytes) }
        let took = try clock.measure { read = try Snapshot.read(bytes, named: "large") }
        print("\(bytes.count >> 10) KiB: tree in \(tree), snapshot in \(took)")
        #expect(read?.bytes == bytes && took < .seconds(5))
    }
}
