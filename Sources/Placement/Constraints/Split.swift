import Basis

/// VMs of different groups share no node. Discrete by default.
///
/// Groups are to be disjoint; a VM listed in several belongs to the first (see ``PlacementProblem/contradictions``).
package struct Split: PlacementConstraint {
    package static let typeName = "split"
    /// In the order given; the VMs of each in the order of their ids.
    package let groups: [[VMID]]
    package let isContinuous: Bool
    private let groupOf: [VMID: Int]

    package init(groups: [[VMID]], isContinuous: Bool = false) {
        self.groups = groups.map { Set($0).sorted() }
        self.groupOf = firstGroups(groups)
        self.isContinuous = isContinuous
    }

    package var vms: [VMID] { self.groupOf.keys.sorted() }

    /// One breach for each group too many on a node, naming a VM of it and one of another group.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var seen: [NodeID: (first: VMID, groups: Set<Int>)] = [:]
        return self.vms.flatMap { vm in
            occupancy.nodes(of: vm).compactMap { node -> ConstraintBreach? in
                guard let group = self.groupOf[vm] else { return nil }
                var here = seen[node] ?? (first: vm, groups: [group])
                let isNew = here.groups.insert(group).inserted
                seen[node] = here
                return isNew ? self.breach(here.first, vm) : nil
            }
        }
    }

    package var searchRules: [SearchRule] {
        [
            .presence(
                PresenceRule(classes: self.groups, places: nil, onePlacePerClass: false, oneClassPerPlace: true))
        ]
    }

    package var description: String { self.described(grouped(self.groups)) }
}
