import Basis

/// The nodes of these VMs host none but them. Discrete by default.
package struct Lonely: PlacementConstraint {
    package static let typeName = "lonely"
    package let vms: [VMID]
    package let isContinuous: Bool
    private let members: Set<VMID>

    package init(_ vms: some Sequence<VMID>, isContinuous: Bool = false) {
        self.members = Set(vms)
        self.vms = self.members.sorted()
        self.isContinuous = isContinuous
    }

    /// One breach for each node that hosts some of these VMs and others, naming the first of each.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var seen: Set<NodeID> = []
        return self.vms.flatMap { vm in
            occupancy.nodes(of: vm).filter { seen.insert($0).inserted }.compactMap { node in
                occupancy.vms(on: node).first { !self.members.contains($0) }.map { self.breach(vm, $0) }
            }
        }
    }

    package var searchRules: [SearchRule] { [.alone(vms: self.vms)] }

    package var description: String { self.described(listed(self.vms)) }
}
