package import Basis

/// These VMs stand on none of these nodes. Continuous by default: no VM passes through one of them on its way.
package struct Ban: PlacementConstraint {
    package static let typeName = "ban"
    package let vms: [VMID]
    package let nodes: [NodeID]
    package let isContinuous: Bool
    private let banned: Set<NodeID>

    package init(_ vms: some Sequence<VMID>, from nodes: some Sequence<NodeID>, isContinuous: Bool = true) {
        self.vms = Set(vms).sorted()
        self.banned = Set(nodes)
        self.nodes = self.banned.sorted()
        self.isContinuous = isContinuous
    }

    /// One breach for each VM and banned node on which it stands.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.vms.flatMap { vm in
            occupancy.nodes(of: vm).filter { self.banned.contains($0) }.map { _ in self.breach(vm) }
        }
    }

    package var searchRules: [SearchRule] { [.excluded(vms: self.vms, from: self.nodes)] }

    package var description: String {
        self.described("\(listed(self.vms)) from \(listed(self.nodes))", isUsuallyContinuous: true)
    }
}
