import Basis
import Placement
import Testing

/// A fleet in which every constraint holds, some nodes of which are repaired as a partition that knows nothing of the
/// rest.
private struct Fleet {
    private static let nodes: [NodeID] = (0..<8).compactMap { NodeID("n\($0)") }

    let whole: PlacementProblem
    let members: Set<NodeID>

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let vms: [VMID] = (0..<24).compactMap { VMID("v\($0)") }
        var mapping = Mapping()
        for vm in vms { mapping[vm] = Self.nodes.randomElement(using: &random)! }
        let (together, apart) = (vms[0..<3], vms[3..<6])
        let fenced = Set(Self.nodes.shuffled(using: &random).prefix(5))
        for vm in together { mapping[vm] = "n0" }
        for (vm, node) in zip(apart, ["n0"] + Self.nodes.dropFirst().shuffled(using: &random)) {
            mapping[vm] = node
        }
        for vm in vms[6..<9] { mapping[vm] = fenced.sorted().randomElement(using: &random)! }
        for vm in vms[9..<12] where !fenced.contains(mapping[vm]!) { mapping[vm] = fenced.min()! }
        let outsideFence = Self.nodes.filter { !fenced.contains($0) }
        // So much that the first node is overloaded, and no other one.
        let crowd = mapping.assignments.count { $0.node == "n0" }
        self.whole = PlacementProblem(
            nodes: Self.nodes.map { node($0, cpu: $0 == "n0" ? crowd * 1_000 - 1 : 40_000, memory: 65_536) },
            vms: vms.map { vm($0) }, mapping: mapping,
            constraints: [
                Gather(Array(together)), Spread(Array(apart)), Fence(Array(vms[6..<9]), to: Array(fenced)),
                Ban(Array(vms[9..<12]), from: outsideFence), Root([vms[12]]),
            ])
        self.members = Set(Self.nodes.dropFirst().shuffled(using: &random).prefix(3) + ["n0"])
    }

    var partition: PlacementProblem {
        var part = self.whole
        part.nodes.removeAll { !self.members.contains($0.id) }
        part.vms.removeAll { !self.members.contains(self.whole.mapping[$0.id]!) }
        part.mapping = Mapping(self.whole.mapping.assignments.filter { self.members.contains($0.node) })
        return part
    }
}

@Suite("Constraints of a ring, in a partition")
struct PartitionConstraintTests {
    /// What ADR 0006 says of `spread`, `gather`, `fence`, `ban` and `root`.
    @Test("hold in the whole fleet after a partition was repaired that knows only its own VMs", arguments: 1...200)
    func holdEverywhere(seed: UInt64) throws {
        let fleet = Fleet(seed: seed)
        let before = Viability(of: fleet.whole)
        #expect(before.breaches.isEmpty && before.overloads.map(\.node) == ["n0"], "seed \(seed)")
        guard case .plan(let plan, _) = try solve(fleet.partition) else {
            Issue.record("seed \(seed): \(try solve(fleet.partition))")
            return
        }
        let after = Viability(of: plan.mapping(after: fleet.whole.mapping), in: fleet.whole)
        #expect(after.isViable, "seed \(seed): \(after)")
        #expect(PlanChecker(fleet.whole).defects(of: plan, claim: .viable) == [], "seed \(seed)")
    }
}
