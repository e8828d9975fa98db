/// Branch and bound over who leaves its node; where to is settled last.
///
/// What a plan costs depends on who leaves and hardly on where it goes, and in most partitions what leaves finds room.
/// So a VM that leaves goes into a pool first. The search decides about the VMs of overloaded nodes, about those that
/// constraints bind to others, and about those of the pool for which no node has room as it is. When nothing else is
/// wrong the pool is packed; only where that fails, or leads to no plan, are its VMs put on nodes one by one. Every
/// viable assignment that moves nothing needlessly is in some branch. Pruned by what freeing each node costs at least
/// (``CoverFrontier``) and by what it costs each VM of the pool to get in anywhere.
struct LeaverSearch {
    /// Deeper than this the search does not go: each level takes about a kilobyte of stack.
    static let depthMax = 1_500

    typealias Judge = (_ hosts: [Int], inout StepMeter) -> Incumbent.Verdict

    enum Standing {
        /// On its first node, and may still leave.
        case open
        /// On its first node for good.
        case staying
        /// Has left its first node and is nowhere yet.
        case pooled
        /// On another node for good.
        case placed
    }

    /// What was done to a VM last, to be undone.
    private enum Change {
        case left(Int)
        case stayed(Int)
        case placed(Int)
    }

    let model: SearchModel
    let scope: [Int]
    private let parties: Parties
    private(set) var standing: [Standing]
    /// Where each VM is; ``RuleCounts/nowhere`` for those of the pool.
    private(set) var hosts: [Int]
    /// What all VMs on a node want.
    private(set) var loads: [Amounts]
    /// What of it those want that will not leave any more.
    private(set) var fixedLoads: [Amounts]
    /// Breaches among VMs that are somewhere, and of these among those that will not leave any more.
    private(set) var counts: RuleCounts
    private var fixedCounts: RuleCounts
    private(set) var pool: [Int] = []
    private var trail: [Change] = []
    /// By node and resource; nil until asked for.
    private var frontiers: [CoverFrontier?]
    /// What it costs at least to relieve each node.
    private(set) var reliefs: [MigrationCost]
    private var reliefSum = MigrationCost.zero
    /// Nodes that cannot be relieved any more, and VMs that must leave and cannot.
    private var dead = 0
    private var cost: MigrationCost
    private var bestCost: MigrationCost?
    /// Whether every assignment not reached is proven to be no better. Meaningless while the search runs.
    private(set) var isComplete = true

    /// - Parameters:
    ///   - hosts: where the VMs are; open ones stand where they were at first.
    ///   - open: the VMs that may be moved, each on a node of `scope`.
    ///   - scope: the nodes that are to become viable, and the only ones that VMs may be moved to.
    ///   - bestCost: only assignments that cost less are looked for; nil for any.
    init(_ model: SearchModel, hosts: [Int], open: [Int], scope: [Int], bestCost: MigrationCost?) {
        self.model = model
        self.scope = scope
        self.bestCost = bestCost
        self.hosts = hosts
        self.standing = hosts.indices.map { hosts[$0] == model.origin[$0] ? .staying : .placed }
        self.loads = Array(repeating: .zero, count: model.nodes.count)
        for vm in hosts.indices { self.loads[hosts[vm]] &+= model.demand[vm] }
        self.fixedLoads = self.loads
        for vm in open {
            self.standing[vm] = .open
            self.fixedLoads[hosts[vm]] &-= model.demand[vm]
        }
        self.cost = model.directCost(of: hosts)
        self.parties = Parties(model, of: open)
        self.counts = RuleCounts(model, hosts: hosts)
        self.fixedCounts = self.counts
        if !model.book.isEmpty {
            for vm in open { self.fixedCounts.move(vm, from: hosts[vm], to: RuleCounts.nowhere) }
        }
        self.frontiers = Array(repeating: nil, count: 4 * model.nodes.count)
        self.reliefs = Array(repeating: .zero, count: model.nodes.count)
        // What must leave and cannot: no bound sees it.
        self.dead = hosts.indices.count {
            self.standing[$0] == .staying && model.mustLeave[$0] > 0
        }
        for vm in open where model.mustLeave[vm] > 0 { self.leave(vm) }
        for node in scope { self.updateRelief(of: node) }
    }

    /// The search for the whole problem.
    init(_ model: SearchModel, bestCost: MigrationCost?) {
        self.init(
            model, hosts: model.origin, open: model.vms.indices.filter(model.isMovable),
            scope: Array(model.nodes.indices), bestCost: bestCost)
    }

    /// The least that any viable assignment can cost, as far as the bounds see; nil when they see that there is none.
    var lowerBound: MigrationCost? {
        self.dead > 0 || self.fixedCounts.total.hard > 0 ? nil : self.costAtLeast
    }

    private var costAtLeast: MigrationCost {
        self.cost + self.reliefSum + MigrationCost(weight: self.fixedCounts.total.soft, migrations: 0)
    }

    /// Searches until everything is explored or the meter is spent; asks `judge` about each assignment found that
    /// costs less than the best known.
    mutating func run(_ meter: inout StepMeter, judge: Judge) {
        self.explore(depth: 0, isNew: true, &meter, judge)
    }

    /// Whether something may be found below here that costs at least `more` on top of the bounds.
    private func isPromising(_ more: MigrationCost = .zero) -> Bool {
        guard self.dead == 0, self.fixedCounts.total.hard == 0 else { return false }
        guard let best = self.bestCost else { return true }
        return self.costAtLeast + more < best
    }

    /// - Parameter isNew: whether a VM has left or come since the last state, and not only been decided to stay.
    private mutating func explore(depth: Int, isNew: Bool, _ meter: inout StepMeter, _ judge: Judge) {
        meter.spend(1)
        guard self.isPromising() else { return }
        guard !meter.isSpent, depth < Self.depthMax else {
            self.isComplete = false
            return
        }
        if let party = self.unsettledParty() {
            self.branch(overNodesFor: party, depth, &meter, judge)
            return
        }
        if self.counts.total.hard > 0 {
            self.branch(over: self.hardConflict(), orNone: false, depth, &meter, judge)
            return
        }
        switch self.outlook(&meter) {
        case .hopeless: return
        case .critical(let vm): self.branch(overPlacesOf: vm, depth, &meter, judge)
        case .roomy(let scarcest):
            if let node = self.nodeToRelieve() {
                self.branch(overLeaversOf: node, depth, &meter, judge)
            } else {
                self.settle(scarcest, isNew: isNew, depth, &meter, judge)
            }
        }
    }
}

// Branching.
extension LeaverSearch {
    /// Tries every node on which all of a party can be together, the cheapest first.
    private mutating func branch(
        overNodesFor party: [Int], _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        let mark = self.trail.count
        var nodes: [(cost: MigrationCost, node: Int)] = []
        for node in self.scope {
            meter.spend(party.count)
            if self.unite(party, on: node), self.isPromising() { nodes.append((self.costAtLeast, node)) }
            self.undo(to: mark)
        }
        for (_, node) in nodes.sorted(by: { ($0.cost, $0.node) < ($1.cost, $1.node) }) {
            _ = self.unite(party, on: node)
            self.explore(depth: depth + 1, isNew: true, &meter, judge)
            self.undo(to: mark)
            if self.isCutShort(meter) { return }
        }
    }

    /// Puts all of a party on `node`; false when one of them cannot be there.
    private mutating func unite(_ party: [Int], on node: Int) -> Bool {
        for vm in party {
            switch self.standing[vm] {
            case .staying, .placed:
                guard self.hosts[vm] == node else { return false }
            case .open where self.model.origin[vm] == node:
                self.stay(vm)
            case .open, .pooled:
                guard self.model.mayMove(vm, to: node) else { return false }
                if self.standing[vm] == .open { self.leave(vm) }
                self.place(vm, on: node)
            }
        }
        return true
    }

    /// Has one of some VMs leave that take part in a breach.
    ///
    /// - Parameter orNone: whether also all of them may stay.
    private mutating func branch(
        over vms: [Int], orNone: Bool, _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        let mark = self.trail.count
        defer { self.undo(to: mark) }
        for vm in vms {
            let beforeLeaving = self.trail.count
            self.leave(vm)
            self.explore(depth: depth + 1, isNew: true, &meter, judge)
            self.undo(to: beforeLeaving)
            if self.isCutShort(meter) { return }
            self.stay(vm)
            guard self.isPromising() else { return }
        }
        if orNone { self.explore(depth: depth + 1, isNew: false, &meter, judge) }
    }

    /// Tries every node for a VM of the pool.
    private mutating func branch(
        overPlacesOf vm: Int, _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        let mark = self.trail.count
        for place in self.places(of: vm, &meter).sorted() {
            self.place(vm, on: place.node)
            self.explore(depth: depth + 1, isNew: true, &meter, judge)
            self.undo(to: mark)
            if self.isCutShort(meter) { return }
        }
    }

    /// Decides about one VM of a node that must be relieved: first that it leaves, then that it stays.
    private mutating func branch(
        overLeaversOf node: Int, _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        guard let vm = self.leaver(of: node, &meter) else { return }
        let mark = self.trail.count
        self.leave(vm)
        self.explore(depth: depth + 1, isNew: true, &meter, judge)
        self.undo(to: mark)
        if self.isCutShort(meter) { return }
        // What is left out with a twin staying and the other leaving is the same with their roles changed.
        let twin = self.model.twinClass[vm]
        let alike = twin < 0 ? [vm] : self.open(on: node).filter { self.model.twinClass[$0] == twin }
        for other in alike { self.stay(other) }
        self.explore(depth: depth + 1, isNew: false, &meter, judge)
        self.undo(to: mark)
    }

    /// Packs the pool; where that leads to nothing better, places its VMs one by one, beginning with `scarcest`. When
    /// all are placed, VMs may still leave for the sake of soft rules.
    private mutating func settle(
        _ scarcest: Int?, isNew: Bool, _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        if isNew || scarcest != nil, let hosts = PoolPacking(self).packed(&meter),
            case .taken(let cost) = judge(hosts, &meter)
        {
            self.bestCost = cost
        }
        guard self.isPromising() else { return }
        if let scarcest {
            self.branch(overPlacesOf: scarcest, depth, &meter, judge)
        } else if self.counts.total.soft > self.fixedCounts.total.soft, let vms = self.softConflict() {
            self.branch(over: vms, orNone: true, depth, &meter, judge)
        }
    }

    /// Whether the search must end here; what has not been explored is then not proven.
    private mutating func isCutShort(_ meter: StepMeter) -> Bool {
        if meter.isSpent { self.isComplete = false }
        return meter.isSpent
    }
}

// What is wrong, and who could mend it.
extension LeaverSearch {
    private enum Outlook {
        /// A VM of the pool fits nowhere.
        case hopeless
        /// No node has room for it as it is, or only one that a constraint makes doubtful.
        case critical(Int)
        /// There is room for each; for this one least.
        case roomy(Int?)
    }

    /// A node on which a VM of the pool might go.
    struct Place: Comparable {
        /// What it costs at least, on top of the bounds.
        var more: MigrationCost
        /// Whether the node has room and no VM that keeps it away.
        var isFree: Bool
        var node: Int

        static func < (left: Place, right: Place) -> Bool {
            (left.more, left.isFree ? 0 : 1, left.node) < (right.more, right.isFree ? 0 : 1, right.node)
        }
    }

    private mutating func outlook(_ meter: inout StepMeter) -> Outlook {
        var scarcest: (places: Int, vm: Int)?
        var critical: (places: Int, vm: Int)?
        for vm in self.pool {
            let places = self.places(of: vm, &meter)
            guard !places.isEmpty else { return .hopeless }
            if scarcest.map({ places.count < $0.places }) ?? true { scarcest = (places.count, vm) }
            if !places.contains(where: \.isFree), critical.map({ places.count < $0.places }) ?? true {
                critical = (places.count, vm)
            }
        }
        return critical.map { .critical($0.vm) } ?? .roomy(scarcest?.vm)
    }

    /// Every node on which `vm` of the pool may go without the bounds reaching the best cost.
    private mutating func places(of vm: Int, _ meter: inout StepMeter) -> [Place] {
        let (demand, origin) = (self.model.demand[vm], self.model.origin[vm])
        meter.spend(1 + self.scope.count / 8)
        var places: [Place] = []
        for node in self.scope where self.model.mayMove(vm, to: node) {
            guard self.model.fits(self.fixedLoads[node] &+ demand, on: node), self.permits(vm, on: node) else {
                continue
            }
            let load = self.loads[node] &+ demand
            guard let relief = self.relief(of: node, under: load) else { continue }
            var more = relief - self.reliefs[node]
            more.weight += self.model.hopWeight(vm, from: origin, to: node) - self.model.leastHopWeight[vm]
            guard self.isPromising(more) else { continue }
            let isFree = more == .zero && self.model.fits(load, on: node) && !self.hasOpenRival(of: vm, on: node)
            places.append(Place(more: more, isFree: isFree, node: node))
        }
        return places
    }

    /// VMs that belong on one node and are not all there, or of which one has left.
    private func unsettledParty() -> [Int]? {
        self.parties.members.first { party in
            party.contains { self.hosts[$0] != self.hosts[party[0]] || self.standing[$0] == .pooled }
        }
    }

    /// Of these VMs at least one must leave, or no viable assignment is below here: the fewest that are known.
    private func hardConflict() -> [Int] {
        let finder = self.conflictFinder
        var fewest: [Int]?
        for index in self.model.book.rules.indices where self.isMendable(index) && self.model.book.rules[index].isHard {
            if let pair = finder.pair(of: index) {
                guard let second = pair.second else { return [pair.first] }
                if fewest.map({ $0.count > 2 }) ?? true { fewest = [pair.first, second] }
            } else {
                for conflict in finder.conflicts(of: index) {
                    let vms = conflict.someMustLeave
                    if fewest.map({ vms.count < $0.count }) ?? true { fewest = Array(vms) }
                }
            }
        }
        return fewest ?? []
    }

    /// VMs one of which must leave to end a breach of a soft rule; nil when none can be ended any more.
    private func softConflict() -> [Int]? {
        let finder = self.conflictFinder
        for index in self.model.book.rules.indices where self.isMendable(index) && !self.model.book.rules[index].isHard {
            if let conflict = finder.conflicts(of: index).first { return conflict.leavers }
        }
        return nil
    }

    /// Whether a rule has breaches in which not all VMs are decided.
    private func isMendable(_ rule: Int) -> Bool { self.counts.breaches[rule] > self.fixedCounts.breaches[rule] }

    private var conflictFinder: ConflictFinder {
        let standing = self.standing
        return ConflictFinder(self.model, hosts: self.hosts) { standing[$0] != .open }
    }

    /// Whether the VMs that will not leave any more let `vm` be on `node`.
    private func permits(_ vm: Int, on node: Int) -> Bool {
        self.fixedCounts.change(vm, from: RuleCounts.nowhere, to: node).hard == 0
    }

    /// Whether a VM stands somewhere that would have to leave if `vm` came to `node`.
    private func hasOpenRival(of vm: Int, on node: Int) -> Bool {
        self.counts.change(vm, from: RuleCounts.nowhere, to: node).hard > 0
    }

    /// The node whose relief costs most.
    private func nodeToRelieve() -> Int? {
        var costliest: Int?
        for node in self.scope where self.reliefs[node] != .zero {
            if costliest.map({ self.reliefs[node] > self.reliefs[$0] }) ?? true { costliest = node }
        }
        return costliest
    }

    /// A VM of a cheapest set that relieves `node` of what costs most to relieve it of; of these one that wants little
    /// and so finds room easily.
    private mutating func leaver(of node: Int, _ meter: inout StepMeter) -> Int? {
        let excess = self.loads[node] &- self.model.limit[node]
        let limit = self.reliefs[node]
        let resource = (0..<4).first {
            excess[$0] > 0 && self.frontier(of: node, $0).cost(toFree: excess[$0]) == limit
        }
        guard let resource else { return nil }
        let open = self.open(on: node).sorted {
            (self.model.demand[$0][resource], $0) < (self.model.demand[$1][resource], $1)
        }
        meter.spend(open.count)
        // What those behind each VM can free at which cost: the VM is in a cheapest set with them if it adds up.
        var behind = [CoverFrontier()]
        for vm in open.reversed() {
            var frontier = behind[behind.count - 1]
            frontier.add(demand: self.model.demand[vm][resource], cost: self.model.leastHopCost(vm), upTo: limit)
            behind.append(frontier)
        }
        for (index, vm) in open.enumerated() {
            let left = excess[resource] - self.model.demand[vm][resource]
            guard let rest = behind[open.count - 1 - index].cost(toFree: left) else { continue }
            if rest + self.model.leastHopCost(vm) <= limit { return vm }
        }
        return open.last
    }

    func open(on node: Int) -> [Int] {
        self.model.residents[node].filter { self.standing[$0] == .open }
    }
}

// What relief costs.
extension LeaverSearch {
    /// The least that it costs to bring `node` under its limits from `load`; nil when it cannot be done.
    private mutating func relief(of node: Int, under load: Amounts) -> MigrationCost? {
        let excess = load &- self.model.limit[node]
        var cost = MigrationCost.zero
        for resource in 0..<4 where excess[resource] > 0 {
            guard let least = self.frontier(of: node, resource).cost(toFree: excess[resource]) else { return nil }
            cost = max(cost, least)
        }
        return cost
    }

    private mutating func frontier(of node: Int, _ resource: Int) -> CoverFrontier {
        if let known = self.frontiers[4 * node + resource] { return known }
        var frontier = CoverFrontier()
        for vm in self.model.residents[node] where self.standing[vm] == .open {
            frontier.add(demand: self.model.demand[vm][resource], cost: self.model.leastHopCost(vm))
        }
        self.frontiers[4 * node + resource] = frontier
        return frontier
    }

    private mutating func updateRelief(of node: Int) {
        let new = self.relief(of: node, under: self.loads[node])
        let old = self.reliefs[node]
        // A node beyond relief is marked by a cost below zero, which no relief has.
        if old.migrations < 0 { self.dead -= 1 } else { self.reliefSum = self.reliefSum - old }
        if let new {
            self.reliefs[node] = new
            self.reliefSum = self.reliefSum + new
        } else {
            self.reliefs[node] = MigrationCost(weight: 0, migrations: -1)
            self.dead += 1
        }
    }

    private mutating func forgetFrontiers(of node: Int) {
        for resource in 0..<4 { self.frontiers[4 * node + resource] = nil }
    }
}

// Changing the state and back.
extension LeaverSearch {
    private mutating func leave(_ vm: Int) {
        let node = self.model.origin[vm]
        self.standing[vm] = .pooled
        self.hosts[vm] = RuleCounts.nowhere
        self.counts.move(vm, from: node, to: RuleCounts.nowhere)
        self.pool.append(vm)
        self.loads[node] &-= self.model.demand[vm]
        self.cost = self.cost + self.model.leastHopCost(vm)
        self.forgetFrontiers(of: node)
        self.updateRelief(of: node)
        self.trail.append(.left(vm))
    }

    private mutating func stay(_ vm: Int) {
        let node = self.model.origin[vm]
        self.standing[vm] = .staying
        self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
        self.fixedLoads[node] &+= self.model.demand[vm]
        self.forgetFrontiers(of: node)
        self.updateRelief(of: node)
        self.trail.append(.stayed(vm))
    }

    private mutating func place(_ vm: Int, on node: Int) {
        self.standing[vm] = .placed
        self.hosts[vm] = node
        self.counts.move(vm, from: RuleCounts.nowhere, to: node)
        self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
        self.pool.removeAll { $0 == vm }
        self.loads[node] &+= self.model.demand[vm]
        self.fixedLoads[node] &+= self.model.demand[vm]
        self.cost.weight +=
            self.model.hopWeight(vm, from: self.model.origin[vm], to: node)
            - self.model.leastHopWeight[vm]
        self.updateRelief(of: node)
        self.trail.append(.placed(vm))
    }

    private mutating func undo(to mark: Int) {
        while self.trail.count > mark, let change = self.trail.popLast() {
            switch change {
            case .left(let vm):
                let node = self.model.origin[vm]
                self.standing[vm] = .open
                self.hosts[vm] = node
                self.counts.move(vm, from: RuleCounts.nowhere, to: node)
                self.pool.removeAll { $0 == vm }
                self.loads[node] &+= self.model.demand[vm]
                self.cost = self.cost - self.model.leastHopCost(vm)
                self.forgetFrontiers(of: node)
                self.updateRelief(of: node)
            case .stayed(let vm):
                let node = self.model.origin[vm]
                self.standing[vm] = .open
                self.fixedCounts.move(vm, from: node, to: RuleCounts.nowhere)
                self.fixedLoads[node] &-= self.model.demand[vm]
                self.forgetFrontiers(of: node)
                self.updateRelief(of: node)
            case .placed(let vm):
                let node = self.hosts[vm]
                self.standing[vm] = .pooled
                self.hosts[vm] = RuleCounts.nowhere
                self.counts.move(vm, from: node, to: RuleCounts.nowhere)
                self.fixedCounts.move(vm, from: node, to: RuleCounts.nowhere)
                self.pool.append(vm)
                self.loads[node] &-= self.model.demand[vm]
                self.fixedLoads[node] &-= self.model.demand[vm]
                self.cost.weight -=
                    self.model.hopWeight(vm, from: self.model.origin[vm], to: node)
                    - self.model.leastHopWeight[vm]
                self.updateRelief(of: node)
            }
        }
    }
}
