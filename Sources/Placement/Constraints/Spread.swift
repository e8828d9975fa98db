package import Basis

/// No two of these VMs share a node. Discrete: it holds when the plan is done.
package struct Spread: PlacementConstraint {
    /// In the order of their ids, each once.
    package let vms: [VMID]

    package init(_ vms: some Sequence<VMID>) {
        self.vms = Set(vms).sorted()
    }

    /// One breach for each VM that shares a node with an earlier one.
    package func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach] {
        var firstOn: [NodeID: VMID] = [:]
        return self.vms.compactMap { vm in
            guard let node = mapping[vm] else { return nil }
            guard let other = firstOn[node] else {
                firstOn[node] = vm
                return nil
            }
            return ConstraintBreach(constraint: self.description, vms: [other, vm])
        }
    }

    package func admits(_ vm: VMID, on node: NodeID) -> Bool { true }

    package var searchRules: [SearchRule] { [.apart(vms: self.vms)] }

    package var description: String { "spread(\(listed(self.vms)))" }
}
