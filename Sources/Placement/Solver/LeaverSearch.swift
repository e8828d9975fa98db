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

    /// How many entries of a frontier are made in the time of a step.
    private static let entriesPerStep = 16

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
    enum Change {
        case left(Int)
        case stayed(Int)
        case placed(Int, on: Int)
    }

    let model: SearchModel
    let scope: [Int]
    let parties: Parties
    var standing: [Standing]
    /// Where each VM is; ``RuleCounts/nowhere`` for those of the pool.
    var hosts: [Int]
    /// What all VMs on a node want.
    var loads: [Amounts]
    /// What of it those want that will not leave any more.
    var fixedLoads: [Amounts]
    /// Breaches among VMs that are somewhere, and of these among those that will not leave any more.
    var counts: RuleCounts
    var fixedCounts: RuleCounts
    var pool: [Int] = []
    var trail: [Change] = []
    var frontiers: CoverFrontiers
    /// What it costs at least to relieve each node.
    var reliefs: [MigrationCost]
    var reliefSum = MigrationCost.zero
    /// Nodes that cannot be relieved any more, and VMs that must leave and cannot.
    var dead = 0
    var cost: MigrationCost
    var bestCost: MigrationCost?
    /// Whether every assignment not reached is proven to be no better. Meaningless while the search runs.
    var isComplete = true

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
        self.frontiers = CoverFrontiers(model)
        for vm in open { self.frontiers.set(vm, isOpen: true) }
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

    var costAtLeast: MigrationCost {
        self.cost + self.reliefSum + MigrationCost(weight: self.fixedCounts.total.soft, migrations: 0)
    }

    /// Searches until everything is explored or the meter is spent; asks `judge` about each assignment found that
    /// costs less than the best known.
    mutating func run(_ meter: inout StepMeter, judge: Judge) {
        self.explore(depth: 0, isNew: true, &meter, judge)
    }

    /// Whether something may be found below here that costs at least `more` on top of the bounds.
    func isPromising(_ more: MigrationCost = .zero) -> Bool {
        guard self.dead == 0, self.fixedCounts.total.hard == 0 else { return false }
        guard let best = self.bestCost else { return true }
        return self.costAtLeast + more < best
    }

    /// - Parameter isNew: whether a VM has left or come since the last state, and not only been decided to stay.
    mutating func explore(depth: Int, isNew: Bool, _ meter: inout StepMeter, _ judge: Judge) {
        meter.spend(1 + self.frontiers.takeEntriesMade() / Self.entriesPerStep)
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
