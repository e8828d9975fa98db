package import Basis

/// These VMs stand on none of these nodes. Continuous: no VM passes through one of them on its way.
package struct Ban: PlacementConstraint {
    /// In the order of their ids, each once.
    package let vms: [VMID]
    /// In the order of their ids, each once.
    package let nodes: [NodeID]
    private let outside: Set<NodeID>

    package init(_ vms: some Sequence<VMID>, from nodes: some Sequence<NodeID>) {
        self.vms = Set(vms).sorted()
        self.outside = Set(nodes)
        self.nodes = self.outside.sorted()
    }

    package func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach] {
        self.vms.compactMap { vm in
            guard let node = mapping[vm], self.outside.contains(node) else { return nil }
            return ConstraintBreach(constraint: self.description, vms: [vm])
        }
    }

    package func admits(_ vm: VMID, on node: NodeID) -> Bool {
        !(self.vms.contains(vm) && self.outside.contains(node))
    }

    package var searchRules: [SearchRule] { [.excluded(vms: self.vms, from: self.nodes)] }

    package var description: String { "ban(\(listed(self.vms)) from \(listed(self.nodes)))" }
}
