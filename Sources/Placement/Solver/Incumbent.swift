/// The best plan found so far, and the cheaper assignments for which no order of migrations was found.
struct Incumbent {
    /// How many assignments without an order are remembered.
    private static let unorderedMax = 8

    /// A viable assignment with a way to it.
    struct Found {
        var hosts: [Int]
        var hops: [Hop]
        /// With the breaches of soft constraints that are left.
        var cost: MigrationCost
    }

    /// A viable assignment that no order of its migrations reaches; a VM must step aside first.
    struct Unordered {
        var hosts: [Int]
        var cost: MigrationCost
    }

    /// What becomes of a viable assignment that a search has found.
    enum Verdict {
        /// It is the best known now, at this cost, steps aside included.
        case taken(MigrationCost)
        /// No way to it was found, or it is not better.
        case refused
    }

    private let model: SearchModel
    private(set) var best: Found?
    /// The cheapest ones, cheapest first.
    private(set) var unordered: [Unordered] = []
    /// Nothing that was refused for want of an order can be had for less; nil when nothing was refused.
    private(set) var refusedAtLeast: MigrationCost?
    /// What one more hop costs at least.
    private let hopAtLeast: MigrationCost

    init(_ model: SearchModel) {
        self.model = model
        // The fastest link of all, as the hop may lead from anywhere to anywhere.
        let link = model.nodes.map(\.linkMbps).max() ?? 1
        let lightest =
            model.vms.indices.filter(model.mayStepAside).map {
                model.hopCost(of: $0, over: link).weight
            }.min() ?? 0
        self.hopAtLeast = MigrationCost(weight: lightest, migrations: 1)
    }

    /// Takes a viable assignment if its migrations can be ordered, VMs stepping aside if need be, and that costs less
    /// than the best.
    mutating func offer(_ hosts: [Int], _ meter: inout StepMeter) -> Verdict {
        let cost = self.model.totalCost(of: hosts)
        if let best = self.best, cost >= best.cost { return .refused }
        var ordering = PlanOrdering(self.model, hosts: self.model.origin, hops: self.model.directHops(to: hosts))
        switch ordering.run(&meter) {
        case .found(let hops):
            self.best = Found(hosts: hosts, hops: hops, cost: cost)
            return .taken(cost)
        case .impossible:
            self.refuse(hosts, cost, atLeast: cost + self.hopAtLeast)
        case .unknown:
            self.refuse(hosts, cost, atLeast: cost)
        }
        guard let (hops, extra) = ordering.goOnSteppingAside(&meter) else { return .refused }
        let found = Found(hosts: hosts, hops: hops, cost: cost + extra)
        if let best = self.best, found.cost >= best.cost { return .refused }
        self.best = found
        return .taken(found.cost)
    }

    /// Takes a way on which VMs step aside, if it costs less than the best.
    mutating func offer(_ found: Found) {
        if self.best.map({ found.cost < $0.cost }) ?? true { self.best = found }
    }

    /// Puts a way of equal cost in place of the best.
    mutating func replace(with found: Found) {
        precondition(found.cost == self.best?.cost, "only what costs the same may replace the best plan")
        self.best = found
    }

    private mutating func refuse(_ hosts: [Int], _ cost: MigrationCost, atLeast: MigrationCost) {
        self.refusedAtLeast = min(self.refusedAtLeast ?? atLeast, atLeast)
        let place = self.unordered.firstIndex { cost < $0.cost } ?? self.unordered.count
        guard place < Self.unorderedMax, !self.unordered.contains(where: { $0.hosts == hosts }) else { return }
        self.unordered.insert(Unordered(hosts: hosts, cost: cost), at: place)
        if self.unordered.count > Self.unorderedMax { self.unordered.removeLast() }
    }
}

extension SearchModel {
    /// One hop for each VM that `hosts` puts elsewhere than it was at first.
    func directHops(to hosts: [Int]) -> [Hop] {
        hosts.indices.compactMap { vm in
            hosts[vm] == self.origin[vm] ? nil : Hop(vm: vm, from: self.origin[vm], to: hosts[vm])
        }
    }
}
