/// The cheapest set of VMs whose leaving rids one node of its overload, wherever they go.
///
/// The sums over all overloaded nodes bound the cost of every plan from below; when the sets find room elsewhere, they
/// are a plan of exactly that cost.
struct ExactCover {
    /// How many steps may be taken for one node.
    private static let stepsMax = 5_000

    private let model: SearchModel
    private let node: Int
    private var candidates: [Int] = []
    private var isOpen: [Int: Bool] = [:]
    private var chosen: [Int] = []
    private(set) var best: (vms: [Int], cost: MigrationCost)?

    /// Searches the cover of `node` as the VMs stand at first; `best` is nil when there is none or the meter is spent
    /// before one is found.
    ///
    /// - Returns: whether `best` is proven.
    static func search(
        _ model: SearchModel, node: Int, load: Amounts, _ meter: inout StepMeter
    ) -> (best: (vms: [Int], cost: MigrationCost)?, isProven: Bool) {
        var search = ExactCover(model: model, node: node)
        let forced = model.residents[node].filter { model.mustLeave[$0] > 0 && model.isMovable($0) }
        var left = load
        var cost = MigrationCost.zero
        for vm in forced {
            left &-= model.demand[vm]
            cost = cost + MigrationCost(weight: model.leastHopWeight[vm], migrations: 1)
        }
        search.chosen = forced
        search.candidates = model.residents[node].filter { model.mustLeave[$0] == 0 && model.isMovable($0) }
            .sorted { (-model.leastHopWeight[$0], $0) < (-model.leastHopWeight[$1], $1) }
        for vm in search.candidates { search.isOpen[vm] = true }
        let isProven = meter.within(Self.stepsMax) { meter in
            search.explore(0, left, cost, &meter)
            return !meter.isSpent
        }
        return (search.best, isProven)
    }

    private init(model: SearchModel, node: Int) {
        self.model = model
        self.node = node
    }

    private mutating func explore(_ index: Int, _ load: Amounts, _ cost: MigrationCost, _ meter: inout StepMeter) {
        meter.spend(1)
        if meter.isSpent { return }
        if self.model.fits(load, on: self.node) {
            if self.best.map({ cost < $0.cost }) ?? true { self.best = (self.chosen, cost) }
            return
        }
        let bound = CoverBound(self.model, node: self.node, load: load) { self.isOpen[$0] ?? false }
        guard bound.isFeasible, index < self.candidates.count else { return }
        if let best = self.best, cost + bound.cost >= best.cost { return }
        let vm = self.candidates[index]
        self.isOpen[vm] = false
        defer { self.isOpen[vm] = true }
        self.chosen.append(vm)
        self.explore(
            index + 1, load &- self.model.demand[vm],
            cost + MigrationCost(weight: self.model.leastHopWeight[vm], migrations: 1), &meter)
        self.chosen.removeLast()
        self.explore(index + 1, load, cost, &meter)
    }
}
