import Basis

/// These VMs are never moved. Continuous.
package struct Root: PlacementConstraint {
    package static let typeName = "root"
    package let vms: [VMID]
    package var isContinuous: Bool { true }

    package init(_ vms: some Sequence<VMID>) {
        self.vms = Set(vms).sorted()
    }

    /// One breach for each VM and node on which it did not stand before the plan.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.vms.flatMap { vm -> [ConstraintBreach] in
            guard let before = problem.mapping[vm] else { return [] }
            return occupancy.nodes(of: vm).filter { $0 != before }.map { _ in self.breach(vm) }
        }
    }

    package var searchRules: [SearchRule] { [.rooted(vms: self.vms)] }

    package var description: String { self.described(listed(self.vms), isUsuallyContinuous: true) }
}
