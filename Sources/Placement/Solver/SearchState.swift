/// A mapping under change, with its violation kept up to date.
struct SearchState {
    let model: SearchModel
    private(set) var hosts: [Int]
    private(set) var loads: [Amounts]
    /// By node, in permille.
    private(set) var excess: [Int]
    private(set) var excessTotal: Int
    private(set) var counts: RuleCounts
    /// Defects of VMs that still stand where they must not.
    private(set) var stays: Int

    init(_ model: SearchModel, hosts: [Int]) {
        self.model = model
        self.hosts = hosts
        var loads: [Amounts] = Array(repeating: .zero, count: model.nodes.count)
        for vm in hosts.indices { loads[hosts[vm]] &+= model.demand[vm] }
        self.loads = loads
        self.excess = loads.indices.map { model.excessPermille($0, load: loads[$0]) }
        self.excessTotal = self.excess.reduce(0, +)
        self.stays = hosts.indices.reduce(0) { $0 + (hosts[$1] == model.origin[$1] ? model.mustLeave[$1] : 0) }
        self.counts = RuleCounts(model, hosts: hosts)
    }

    /// How many breaches of hard rules of the book there are.
    var groupBreaches: Int { self.counts.total.hard }

    /// What breaches of soft constraints cost, in the unit of ``MigrationCost/weight``.
    var softCost: Int { self.counts.total.soft }

    /// As ``ViolationMeasure/total``.
    var violation: Int {
        self.excessTotal + ViolationMeasure.defectPermille * (self.stays + self.groupBreaches)
    }

    mutating func move(_ vm: Int, to node: Int) {
        let from = self.hosts[vm]
        guard from != node else { return }
        self.counts.move(vm, from: from, to: node)
        if from == self.model.origin[vm] { self.stays -= self.model.mustLeave[vm] }
        if node == self.model.origin[vm] { self.stays += self.model.mustLeave[vm] }
        self.hosts[vm] = node
        self.loads[from] &-= self.model.demand[vm]
        self.loads[node] &+= self.model.demand[vm]
        self.updateExcess(of: from)
        self.updateExcess(of: node)
    }

    private mutating func updateExcess(of node: Int) {
        let excess = self.model.excessPermille(node, load: self.loads[node])
        self.excessTotal += excess - self.excess[node]
        self.excess[node] = excess
    }

    /// By how much ``groupBreaches`` changes when `vm` goes to `node`.
    func groupBreachChange(moving vm: Int, to node: Int) -> Int { self.breachChange(moving: vm, to: node).hard }

    /// By how much the breaches of hard and soft rules change when `vm` goes to `node`.
    func breachChange(moving vm: Int, to node: Int) -> BreachChange {
        self.counts.change(vm, from: self.hosts[vm], to: node)
    }

    /// By how much ``violation`` changes when `vm` goes to `node`.
    func violationChange(moving vm: Int, to node: Int) -> Int {
        let from = self.hosts[vm]
        let model = self.model
        var defects = self.groupBreachChange(moving: vm, to: node)
        if from == model.origin[vm] { defects -= model.mustLeave[vm] }
        if node == model.origin[vm] { defects += model.mustLeave[vm] }
        return ViolationMeasure.defectPermille * defects
            + model.excessPermille(from, load: self.loads[from] &- model.demand[vm]) - self.excess[from]
            + model.excessPermille(node, load: self.loads[node] &+ model.demand[vm]) - self.excess[node]
    }
}
