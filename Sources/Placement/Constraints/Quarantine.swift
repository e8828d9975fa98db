package import Basis

/// No VM enters or leaves these nodes, nor goes from one of them to another. Continuous.
package struct Quarantine: PlacementConstraint {
    package static let typeName = "quarantine"
    package let nodes: [NodeID]
    package var isContinuous: Bool { true }
    private let sealed: Set<NodeID>

    package init(_ nodes: some Sequence<NodeID>) {
        self.sealed = Set(nodes)
        self.nodes = self.sealed.sorted()
    }

    /// One breach for each VM and node on which it did not stand before the plan, where either it stands on a node of
    /// these or it stood on one.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        occupancy.newPlaces.filter { self.sealed.contains($0.from) || self.sealed.contains($0.to) }
            .map { self.breach($0.vm) }
    }

    package var searchRules: [SearchRule] { [.sealed(nodes: self.nodes)] }

    package var description: String { self.described(listed(self.nodes), isUsuallyContinuous: true) }
}
