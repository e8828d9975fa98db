/// For each node its first residents in the orders in which ``CoverBound`` takes them, in one flat array.
struct CoverOrders: Sendable {
    /// How many orders each node has: by weight per demand and by demand, of four resources, and by weight.
    private static let ordersPerNode = 9

    private let entries: [Int]
    /// Where each node's entries begin; one more than there are nodes.
    private let starts: [Int]

    init(residents: [[Int]], demand: [Amounts], weight: [Int]) {
        var entries: [Int] = []
        var starts = [0]
        for vms in residents {
            for resource in 0..<4 {
                entries += vms.filter { demand[$0][resource] > 0 }.sorted {
                    let left = weight[$0].multipliedFullWidth(by: demand[$1][resource])
                    let right = weight[$1].multipliedFullWidth(by: demand[$0][resource])
                    return (left.high, left.low, $0) < (right.high, right.low, $1)
                }
                entries += Self.padding(vms.lazy.filter { demand[$0][resource] == 0 }.count)
            }
            for resource in 0..<4 {
                entries += vms.sorted { (-demand[$0][resource], $0) < (-demand[$1][resource], $1) }
            }
            entries += vms.sorted { (weight[$0], $0) < (weight[$1], $1) }
            starts.append(entries.count)
        }
        self.entries = entries
        self.starts = starts
    }

    /// Fills an order up to the number of residents; ends it for the reader.
    private static func padding(_ count: Int) -> [Int] { Array(repeating: -1, count: count) }

    /// The residents of `node` with a demand for `resource`, those that weigh least per demand first; then -1s.
    func byWeightPerDemand(_ node: Int, _ resource: Int) -> ArraySlice<Int> { self.order(resource, of: node) }

    /// The residents of `node`, those with the greatest demand for `resource` first.
    func byDemand(_ node: Int, _ resource: Int) -> ArraySlice<Int> { self.order(4 + resource, of: node) }

    /// The residents of `node`, the lightest first.
    func byWeight(_ node: Int) -> ArraySlice<Int> { self.order(8, of: node) }

    private func order(_ index: Int, of node: Int) -> ArraySlice<Int> {
        let count = (self.starts[node + 1] - self.starts[node]) / Self.ordersPerNode
        let start = self.starts[node] + index * count
        return self.entries[start..<start + count]
    }
}

/// The least that it can cost to rid one node of what is too much, whoever takes it in.
///
/// A VM leaves the node it was on at first at most once without a pivot, so the bounds of all nodes add up.
struct CoverBound: Equatable {
    var cost: MigrationCost
    /// False when even all VMs that may leave would not do.
    var isFeasible: Bool

    static let nothing = CoverBound(cost: .zero, isFeasible: true)

    /// The bound for `node` under `load`, of which VMs for which `isOpen` holds may still leave.
    ///
    /// VMs that must leave are counted in full. What is then still too much is covered, per resource, by fractions of
    /// VMs in the order of weight per demand, and by a least number of VMs; the greatest of these bounds holds.
    init(_ model: SearchModel, node: Int, load: Amounts, isOpen: (Int) -> Bool) {
        self = .nothing
        var excess = load &- model.limit[node]
        for vm in model.residents[node] where model.mustLeave[vm] > 0 && isOpen(vm) {
            excess &-= model.demand[vm]
            self.cost = self.cost + MigrationCost(weight: model.leastHopWeight[vm], migrations: 1)
        }
        guard any(excess .> 0) else { return }
        var (weight, count) = (0, 0)
        for resource in 0..<4 where excess[resource] > 0 {
            var missing = excess[resource]
            var weightHere = 0
            for vm in model.covers.byWeightPerDemand(node, resource) {
                if vm < 0 { break }
                guard model.mustLeave[vm] == 0, isOpen(vm) else { continue }
                let demand = model.demand[vm][resource]
                if demand >= missing {
                    weightHere += Self.share(of: model.leastHopWeight[vm], missing, of: demand)
                    missing = 0
                    break
                }
                missing -= demand
                weightHere += model.leastHopWeight[vm]
            }
            if missing > 0 {
                self.isFeasible = false
                return
            }
            var countHere = 0
            missing = excess[resource]
            for vm in model.covers.byDemand(node, resource) where missing > 0 {
                guard model.mustLeave[vm] == 0, isOpen(vm) else { continue }
                missing -= model.demand[vm][resource]
                countHere += 1
            }
            weight = max(weight, weightHere)
            count = max(count, countHere)
        }
        self.cost =
            self.cost
            + MigrationCost(
                weight: max(weight, Self.lightest(count, model, node, isOpen)), migrations: count)
    }

    private init(cost: MigrationCost, isFeasible: Bool) {
        self.cost = cost
        self.isFeasible = isFeasible
    }

    /// weight × part ÷ whole, rounded up.
    private static func share(of weight: Int, _ part: Int, of whole: Int) -> Int {
        let (quotient, remainder) = whole.dividingFullWidth(weight.multipliedFullWidth(by: part))
        return quotient + (remainder > 0 ? 1 : 0)
    }

    /// What the lightest `count` VMs weigh together.
    private static func lightest(_ count: Int, _ model: SearchModel, _ node: Int, _ isOpen: (Int) -> Bool) -> Int {
        var (sum, left) = (0, count)
        for vm in model.covers.byWeight(node) where left > 0 {
            guard model.mustLeave[vm] == 0, isOpen(vm) else { continue }
            sum += model.leastHopWeight[vm]
            left -= 1
        }
        return sum
    }
}
