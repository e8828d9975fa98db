import Basis
import ClusterActors
import Placement

/// Rings and nodes that the tests of the values are told about.
enum Rings {
    /// The view of a ring n1 … n`count`, in the order listed.
    static func view(_ count: Int) -> MembershipView {
        let members = (1...count).map {
            MemberDescription(id: NodeID("n\($0)")!, address: "127.0.0.1:\(7400 + $0)", site: "s", rack: "r")
        }
        do {
            return MembershipView(config: try RingConfig(members: members, order: .listed))
        } catch {
            preconditionFailure("a ring of \(count) is a ring: \(error)")
        }
    }

    static func view(_ count: Int, dead: [NodeID]) -> MembershipView {
        var view = Self.view(count)
        for node in dead {
            _ = view.apply(
                MemberUpdate(member: view.description(of: node)!, state: .dead, incarnation: 1))
        }
        return view
    }

    static func snapshot(_ node: NodeID, load: Int = 0, capacity: Int = 4_000) -> NodeSnapshot {
        let resources = Resources(cpuMillicores: capacity, memoryMiB: 8_192)
        let vm = VirtualMachine(
            id: VMID("vm-of-\(node)")!, demand: Resources(cpuMillicores: load, memoryMiB: 512))
        return NodeSnapshot(
            node: Node(id: node, capacity: resources), vms: load > 0 ? [vm] : [],
            thresholds: LoadThresholds(overloadPercent: 80), age: .zero)
    }

    static func grant(_ node: NodeID, epoch: UInt64 = 1) -> Grant {
        Grant(
            epoch: Epoch(boot: 1, counter: epoch), lease: .seconds(10), revision: Revision(rawValue: 1),
            snapshot: Self.snapshot(node), successor: nil)
    }

    static func plan(_ moves: [(VMID, from: NodeID, to: NodeID)]) -> ReconfigurationPlan {
        ReconfigurationPlan(
            steps: moves.map { [Migration(vm: $0.0, from: $0.from, to: $0.to, reason: .empties($0.from))] },
            cost: .zero, memoryMiB: 512 * moves.count, risk: PlacementRisk(expectedExcessMicrocores: 0))
    }
}
