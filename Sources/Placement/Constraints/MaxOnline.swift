package import Basis

/// At most `limit` of these nodes host a VM. Discrete by default.
package struct MaxOnline: PlacementConstraint {
    package static let typeName = "maxOnline"
    package let nodes: [NodeID]
    /// At least 0.
    package let limit: Int
    package let isContinuous: Bool

    package init(_ nodes: some Sequence<NodeID>, limit: Int, isContinuous: Bool = false) {
        self.nodes = Set(nodes).sorted()
        self.limit = limit
        self.isContinuous = isContinuous
    }

    /// One breach for each node too many, naming the first VM of it.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.nodes.compactMap { occupancy.vms(on: $0).first }.dropFirst(max(self.limit, 0)).map { self.breach($0) }
    }

    package var searchRules: [SearchRule] { [.onlineAtMost(max(self.limit, 0), of: self.nodes)] }

    package var description: String { self.described("\(self.limit) of \(listed(self.nodes))") }
}
