import Basis

/// No two of these VMs share a node. Discrete by default: two of them may pass through one node.
package struct Spread: PlacementConstraint {
    package static let typeName = "spread"
    package let vms: [VMID]
    package let isContinuous: Bool

    package init(_ vms: some Sequence<VMID>, isContinuous: Bool = false) {
        self.vms = Set(vms).sorted()
        self.isContinuous = isContinuous
    }

    /// One breach for each VM that shares a node with an earlier one.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var firstOn: [NodeID: VMID] = [:]
        return self.vms.flatMap { vm in
            occupancy.nodes(of: vm).compactMap { node in
                guard let other = firstOn[node] else {
                    firstOn[node] = vm
                    return nil
                }
                return self.breach(other, vm)
            }
        }
    }

    package var searchRules: [SearchRule] {
        [
            .presence(
                PresenceRule(
                    classes: self.vms.map { [$0] }, places: nil, onePlacePerClass: false, oneClassPerPlace: true))
        ]
    }

    package var description: String { self.described(listed(self.vms)) }
}
