package import Basis

/// All of these VMs share a node. Discrete: it holds when the plan is done.
package struct Gather: PlacementConstraint {
    /// In the order of their ids, each once.
    package let vms: [VMID]

    package init(_ vms: some Sequence<VMID>) {
        self.vms = Set(vms).sorted()
    }

    /// One breach for each node too many, naming one VM of each of two nodes.
    package func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach] {
        var seen: Set<NodeID> = []
        var representatives: [VMID] = []
        for vm in self.vms {
            if let node = mapping[vm], seen.insert(node).inserted { representatives.append(vm) }
        }
        guard let anchor = representatives.first else { return [] }
        return representatives.dropFirst().map {
            ConstraintBreach(constraint: self.description, vms: [anchor, $0])
        }
    }

    package func admits(_ vm: VMID, on node: NodeID) -> Bool { true }

    package var searchRules: [SearchRule] { [.together(vms: self.vms)] }

    package var description: String { "gather(\(listed(self.vms)))" }
}
