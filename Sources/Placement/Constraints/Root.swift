package import Basis

/// These VMs are never moved. Continuous.
package struct Root: PlacementConstraint {
    /// In the order of their ids, each once.
    package let vms: [VMID]

    package init(_ vms: some Sequence<VMID>) {
        self.vms = Set(vms).sorted()
    }

    package func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach] {
        self.vms.compactMap { vm in
            guard let node = mapping[vm], let before = first[vm], node != before else { return nil }
            return ConstraintBreach(constraint: self.description, vms: [vm])
        }
    }

    package func admits(_ vm: VMID, on node: NodeID) -> Bool { !self.vms.contains(vm) }

    package var searchRules: [SearchRule] { [.rooted(vms: self.vms)] }

    package var description: String { "root(\(listed(self.vms)))" }
}
