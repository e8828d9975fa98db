import Basis
import ClusterActors
import Hypervisor
import Placement

/// What of a ring is under way, as its agents tell it: where a fault would hurt.
package struct RingSight: Sendable {
    private var initiators: Set<NodeID> = []
    private var holders: [NodeID: NodeID] = [:]
    private var flying: [NodeID: Int] = [:]
    private var running: [NodeID: [VMID]] = [:]

    package init() {}

    mutating func take(_ fact: Fact) {
        switch fact {
        case .told(let node, .ispStarted):
            self.initiators.insert(node)
        case .told(let node, .ispEnded):
            self.initiators.remove(node)
        case .told(let node, .nodeGranted(let token)):
            self.holders[node] = token.isp.node
        case .told(let node, .nodeEnded):
            self.holders[node] = nil
        case .told(let node, .flightBegan):
            self.flying[node, default: 0] += 1
        case .told(let node, .flightEnded):
            self.flying[node, default: 1] -= 1
        case .crashed(let node):
            self.initiators.remove(node)
            self.holders[node] = nil
            self.flying[node] = nil
        case .hosts(let views):
            for view in views {
                self.running[view.node] = view.copies.filter { $0.presence == .running }.map(\.vm)
            }
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .paused, .resumed, .network, .sees,
            .queues, .tick:
            return
        }
    }

    /// The guests that run on a node, in the order of their ids.
    func guests(on node: NodeID) -> [VMID] { self.running[node] ?? [] }

    /// Where a guest runs.
    func host(of vm: VMID) -> NodeID? {
        self.running.keys.sorted().first { self.running[$0, default: []].contains(vm) }
    }

    /// The nodes that a fault with this aim may hit now, in the order of their names.
    func targets(of aim: Fault.Aim, among nodes: [NodeID]) -> [NodeID] {
        switch aim {
        case .anyNode: nodes
        case .initiator: nodes.filter { self.initiators.contains($0) }
        case .member: nodes.filter { self.isHeldByAnother($0) }
        case .node(let index): [nodes[index]]
        case .flying: nodes.filter { self.flying[$0, default: 0] > 0 }
        }
    }

    private func isHeldByAnother(_ node: NodeID) -> Bool {
        guard let holder = self.holders[node] else { return false }
        return holder != node
    }
}
