package import Basis

/// These VMs stand on these nodes only. Continuous: no VM passes through another node on its way.
package struct Fence: PlacementConstraint {
    /// In the order of their ids, each once.
    package let vms: [VMID]
    /// In the order of their ids, each once.
    package let nodes: [NodeID]
    private let inside: Set<NodeID>

    package init(_ vms: some Sequence<VMID>, to nodes: some Sequence<NodeID>) {
        self.vms = Set(vms).sorted()
        self.inside = Set(nodes)
        self.nodes = self.inside.sorted()
    }

    package func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach] {
        self.vms.compactMap { vm in
            guard let node = mapping[vm], !self.inside.contains(node) else { return nil }
            return ConstraintBreach(constraint: self.description, vms: [vm])
        }
    }

    package func admits(_ vm: VMID, on node: NodeID) -> Bool {
        !self.vms.contains(vm) || self.inside.contains(node)
    }

    package var searchRules: [SearchRule] { [.confined(vms: self.vms, to: self.nodes)] }

    package var description: String { "fence(\(listed(self.vms)) to \(listed(self.nodes)))" }
}
