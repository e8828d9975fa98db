import Basis

/// Each of these VMs gets at least this amount of a resource: its demand of it counts as at least that wherever load is
/// reckoned, memory at every instant included; what it costs to move is not touched.
///
/// Hard, it is a part of the load by which nodes are judged, not a breach of its own: where there is too little, a node
/// is overloaded. Soft, ``breaches(in:of:)`` tells where it does not hold. Continuous for memory, as load is.
package struct Preserve: PlacementConstraint {
    package static let typeName = "preserve"
    package let vms: [VMID]
    package let resource: Resource
    /// In the unit of the resource; at least 0.
    package let amount: Int
    package var isContinuous: Bool { self.resource == .memory }

    package init(_ vms: some Sequence<VMID>, resource: Resource, amount: Int) {
        self.vms = Set(vms).sorted()
        self.resource = resource
        self.amount = amount
    }

    /// One breach for each node that hosts some of these VMs and would then be overloaded, naming the first.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        let rules = LoadRules(problem.constraints + [self])
        let loads = problem.loads(of: self.resource, in: occupancy, under: rules)
        var seen: Set<NodeID> = []
        let nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return self.vms.filter { problem.mapping[$0] != nil }.flatMap { vm in
            occupancy.nodes(of: vm).filter { seen.insert($0).inserted }.compactMap { id in
                guard let node = nodes[id], node.state != .offline,
                    let limit = node.limit(
                        self.resource, problem.thresholds(of: id), booking: rules.booking(of: id)),
                    loads[id, default: 0] > limit
                else { return nil }
                return self.breach(vm)
            }
        }
    }

    package var searchRules: [SearchRule] { [.demandAtLeast(self.amount, self.resource, of: self.vms)] }

    package var description: String {
        "\(Self.typeName)(\(self.amount) \(self.resource.unit) of \(self.resource) for \(listed(self.vms)))"
    }
}

extension PlacementProblem {
    /// The sum of the demands for a resource by node.
    func loads(of resource: Resource, in occupancy: Occupancy, under rules: LoadRules) -> [NodeID: Int] {
        self.vms.reduce(into: [:]) { loads, vm in
            let demand = rules.demand(of: vm)[resource]
            for node in occupancy.nodes(of: vm.id) { loads[node, default: 0] += demand }
        }
    }
}
