package import Basis

/// At most `limit` VMs are on these nodes together. Discrete by default; continuous, a VM on its way from one of them
/// to another counts twice.
package struct RunningCapacity: PlacementConstraint {
    package static let typeName = "runningCapacity"
    package let nodes: [NodeID]
    /// At least 0.
    package let limit: Int
    package let isContinuous: Bool

    package init(_ nodes: some Sequence<NodeID>, limit: Int, isContinuous: Bool = false) {
        self.nodes = Set(nodes).sorted()
        self.limit = limit
        self.isContinuous = isContinuous
    }

    /// One breach for each VM too many.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.nodes.flatMap { occupancy.vms(on: $0) }.dropFirst(max(self.limit, 0)).map { self.breach($0) }
    }

    package var searchRules: [SearchRule] { [.hostedAtMost(max(self.limit, 0), on: self.nodes)] }

    package var description: String { self.described("\(self.limit) on \(listed(self.nodes))") }
}
