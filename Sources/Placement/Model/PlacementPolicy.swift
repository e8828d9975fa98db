package import Basis

/// What a placement is to reach.
package enum PlacementPolicy: Hashable, Sendable {
    /// Make the mapping viable with the least cost; where that is impossible, reduce the violation. VMs of draining
    /// nodes leave. Source: Entropy's repair mode.
    case repair
    /// Empty one node, all or nothing, onto nodes that host something already and are not draining; the mapping must
    /// be viable then (PROTOCOL.md §8.5). So each success lowers the number of nodes that host something.
    case evacuate(NodeID)
    /// Make the mapping viable, then the use of nodes even, with few migrations. Source: Ganeti's hbal.
    case balance(BalanceAim)
    /// Make the mapping viable, then empty as many nodes as can be, onto nodes that host something already.
    case consolidate

    /// Whether a plan that reaches only a part of the aim is of use.
    package var acceptsPartOfTheAim: Bool {
        switch self {
        case .repair, .balance, .consolidate: true
        case .evacuate: false
        }
    }

    /// Whether `node`, which hosts `vmCount` VMs at first, may be given VMs.
    package func mayReceive(_ node: Node, vmCount: Int) -> Bool {
        guard node.state == .active else { return false }
        switch self {
        case .repair, .balance, .consolidate: return true
        case .evacuate(let emptied): return node.id != emptied && vmCount > 0
        }
    }

    /// Whether the VMs of `node` are to leave it.
    package func empties(_ node: Node) -> Bool {
        if node.state == .draining { return true }
        switch self {
        case .repair, .balance, .consolidate: return false
        case .evacuate(let emptied): return node.id == emptied
        }
    }
}
