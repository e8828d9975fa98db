package import Basis

/// All of these VMs stand on nodes of one and the same group. Discrete by default; continuous, they do not change the
/// group any more once they are in one.
///
/// Groups are to be disjoint; a node listed in several belongs to the first (see ``PlacementProblem/contradictions``).
package struct Among: PlacementConstraint {
    package static let typeName = "among"
    package let vms: [VMID]
    /// In the order given; the nodes of each in the order of their ids.
    package let groups: [[NodeID]]
    package let isContinuous: Bool
    private let groupOf: [NodeID: Int]

    package init(_ vms: some Sequence<VMID>, groups: [[NodeID]], isContinuous: Bool = false) {
        self.vms = Set(vms).sorted()
        self.groups = groups.map { Set($0).sorted() }
        self.groupOf = firstGroups(groups)
        self.isContinuous = isContinuous
    }

    package var nodes: [NodeID] { self.groupOf.keys.sorted() }

    /// One breach for each group too many, naming a VM there and one in another; one for each VM and node on which it
    /// stands that is in no group.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var strays: [ConstraintBreach] = []
        var seen: Set<Int> = []
        var representatives: [VMID] = []
        for vm in self.vms {
            for node in occupancy.nodes(of: vm) {
                guard let group = self.groupOf[node] else {
                    strays.append(self.breach(vm))
                    continue
                }
                if seen.insert(group).inserted { representatives.append(vm) }
            }
        }
        guard let anchor = representatives.first else { return strays }
        return strays + representatives.dropFirst().map { self.breach(anchor, $0) }
    }

    package var searchRules: [SearchRule] {
        [
            .presence(
                PresenceRule(
                    classes: [self.vms], places: self.groups, onePlacePerClass: true, oneClassPerPlace: false))
        ]
    }

    package var description: String { self.described("\(listed(self.vms)) in \(grouped(self.groups))") }
}

/// The first group that lists each element, as an index.
func firstGroups<Element: Hashable>(_ groups: [[Element]]) -> [Element: Int] {
    var first: [Element: Int] = [:]
    for (index, group) in groups.enumerated() {
        for element in group where first[element] == nil { first[element] = index }
    }
    return first
}
