import Basis

/// All of these VMs share a node. Discrete by default; continuous, they are not moved any more once they are together,
/// since a VM in flight stands on two nodes.
package struct Gather: PlacementConstraint {
    package static let typeName = "gather"
    package let vms: [VMID]
    package let isContinuous: Bool

    package init(_ vms: some Sequence<VMID>, isContinuous: Bool = false) {
        self.vms = Set(vms).sorted()
        self.isContinuous = isContinuous
    }

    /// One breach for each node too many, naming a VM there and one on another.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var seen: Set<NodeID> = []
        var representatives: [VMID] = []
        for vm in self.vms {
            for node in occupancy.nodes(of: vm) where seen.insert(node).inserted { representatives.append(vm) }
        }
        guard let anchor = representatives.first else { return [] }
        return representatives.dropFirst().map { self.breach(anchor, $0) }
    }

    package var searchRules: [SearchRule] {
        [
            .presence(
                PresenceRule(classes: [self.vms], places: nil, onePlacePerClass: true, oneClassPerPlace: false))
        ]
    }

    package var description: String { self.described(listed(self.vms)) }
}
