package import Basis

/// The demand for a resource on each of these nodes is at most this percentage of capacity − reserved.
///
/// Hard, it replaces the node's own overcommitment where it is stricter, and so decides what is an overload: it is a
/// part of the limit by which nodes are judged, not a breach of its own. Soft, ``breaches(in:of:)`` tells where it does
/// not hold. Continuous for memory, as load is. A resource that the node does not limit stays unlimited.
package struct Overbook: PlacementConstraint {
    package static let typeName = "overbook"
    package let nodes: [NodeID]
    package let resource: Resource
    /// Of capacity − reserved, in percent; at least 0.
    package let ratioPercent: Int
    package var isContinuous: Bool { self.resource == .memory }

    package init(_ nodes: some Sequence<NodeID>, resource: Resource, ratioPercent: Int) {
        self.nodes = Set(nodes).sorted()
        self.resource = resource
        self.ratioPercent = ratioPercent
    }

    /// One breach for each node of which more is asked, naming its first VM.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        let loads = problem.loads(of: self.resource, in: occupancy, under: LoadRules(problem.constraints))
        let members = Set(self.nodes)
        return problem.nodes.filter { members.contains($0.id) && $0.state != .offline }.sorted { $0.id < $1.id }
            .compactMap { node in
                guard let all = node.spared(self.resource), loads[node.id, default: 0] > all * self.ratioPercent / 100,
                    let vm = occupancy.vms(on: node.id).first
                else { return nil }
                return self.breach(vm)
            }
    }

    package var searchRules: [SearchRule] {
        [.bookedAtMost(percent: self.ratioPercent, self.resource, on: self.nodes)]
    }

    package var description: String {
        "\(Self.typeName)(\(self.resource) of \(listed(self.nodes)) at \(self.ratioPercent) %)"
    }
}
