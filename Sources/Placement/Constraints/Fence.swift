package import Basis

/// These VMs stand on these nodes only. Continuous by default: no VM passes through another node on its way.
package struct Fence: PlacementConstraint {
    package static let typeName = "fence"
    package let vms: [VMID]
    package let nodes: [NodeID]
    package let isContinuous: Bool
    private let inside: Set<NodeID>

    package init(_ vms: some Sequence<VMID>, to nodes: some Sequence<NodeID>, isContinuous: Bool = true) {
        self.vms = Set(vms).sorted()
        self.inside = Set(nodes)
        self.nodes = self.inside.sorted()
        self.isContinuous = isContinuous
    }

    /// One breach for each VM and node outside on which it stands.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.vms.flatMap { vm in
            occupancy.nodes(of: vm).filter { !self.inside.contains($0) }.map { _ in self.breach(vm) }
        }
    }

    package var searchRules: [SearchRule] { [.confined(vms: self.vms, to: self.nodes)] }

    package var description: String {
        self.described("\(listed(self.vms)) to \(listed(self.nodes))", isUsuallyContinuous: true)
    }
}
