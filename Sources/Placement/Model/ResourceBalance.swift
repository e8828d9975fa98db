/// What VMs want in total beside what their nodes may give in total.
///
/// Where more is wanted than there is, no mapping is viable, whatever the constraints are: that is known without a
/// search, and hence looked at before one.
package struct ResourceBalance: Hashable, Sendable {
    private var demand = Resources.zero
    /// By ``Resource/rawValue``; nil where a node does not limit the resource.
    private var limits: [Int?] = Array(repeating: 0, count: Resource.allCases.count)

    package init() {}

    /// Counts a VM that must be somewhere.
    package mutating func add(_ vm: VirtualMachine) {
        self.demand += vm.demand
    }

    /// Counts a node on which VMs may stay.
    package mutating func add(_ node: Node, _ thresholds: LoadThresholds) {
        for resource in Resource.allCases {
            guard let sum = self.limits[resource.rawValue] else { continue }
            self.limits[resource.rawValue] = node.limit(resource, thresholds).map { sum + $0 }
        }
    }

    /// The first resource of which too little is there, in the order of ``Resource``.
    package var shortage: MappingDefect? {
        for resource in Resource.allCases {
            guard let limit = self.limits[resource.rawValue], self.demand[resource] > limit else { continue }
            return .tooLittleInTotal(resource, demand: self.demand[resource], limit: limit)
        }
        return nil
    }
}
