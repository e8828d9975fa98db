/// Branch and bound over assignments of VMs to nodes.
///
/// A VM is open (it stands where the search found it and may still go) or decided. As long as the state is not viable,
/// something is wrong that only ends when one of a few open VMs leaves: a VM that must leave, an overloaded node's VMs,
/// two VMs wrongly apart or together. The search branches over which of them leaves first in a fixed order, those
/// before it being decided to stay, and over where it goes. So every viable assignment that moves nothing needlessly
/// is reached in exactly one way, nodes that take in too much are relieved in turn (ejection chains), and the depth
/// is the number of moves. Pruned by ``CoverBound``.
///
/// A viable state that breaks soft constraints is an assignment, and is searched on: of the VMs in the way either one
/// leaves, or all are decided to stay, and the breach is paid for.
struct AssignmentSearch {
    /// Deeper than this the search does not go: each level takes about a kilobyte of stack.
    private static let depthMax = 1_500

    /// What becomes of a viable assignment that the search has found.
    enum Verdict {
        /// It is the best known now.
        case taken(MigrationCost)
        /// It cannot be reached in order, or is not better.
        case refused
    }

    private let model: SearchModel
    private var state: SearchState
    /// Whether a VM may be moved into a node that is then overloaded and must be relieved in turn.
    private let allowsEjection: Bool
    private let scope: [Int]
    private let inScope: NodeSet
    private var isDecided: [Bool]
    /// What the decided VMs of each node want: what will not leave it any more.
    private var fixedLoads: [Amounts]
    /// Breaches that the decided VMs make among themselves: they will not end any more.
    private var fixedCounts: RuleCounts
    private var twinsStaying: [Int]
    private var bounds: [CoverBound]
    private var boundSum = MigrationCost.zero
    private var infeasibleNodes = 0
    private var cost: MigrationCost
    private var bestCost: MigrationCost?
    /// Whether every assignment not reached is proven to be no better. Meaningless while the search runs.
    private(set) var isComplete = true

    /// - Parameters:
    ///   - hosts: where the VMs are; open ones are to stand where they were at first.
    ///   - isOpen: the VMs that may be moved. All of them stand on nodes of `scope`.
    ///   - scope: the nodes that are to become viable, and the only ones that VMs may be moved to.
    ///   - bestCost: only assignments that cost less are looked for; nil for any.
    init(
        _ model: SearchModel, hosts: [Int], isOpen: [Bool], scope: [Int], bestCost: MigrationCost?,
        allowsEjection: Bool
    ) {
        self.model = model
        self.state = SearchState(model, hosts: hosts)
        self.allowsEjection = allowsEjection
        self.scope = scope
        self.inScope = scope.reduce(into: NodeSet(universe: model.nodes.count)) { $0.insert($1) }
        self.isDecided = isOpen.map { !$0 }
        self.twinsStaying = Array(repeating: 0, count: model.twinClassCount)
        self.cost = model.directCost(of: hosts)
        self.bestCost = bestCost
        var fixedLoads: [Amounts] = Array(repeating: .zero, count: model.nodes.count)
        for vm in hosts.indices where !isOpen[vm] { fixedLoads[hosts[vm]] &+= model.demand[vm] }
        self.fixedLoads = fixedLoads
        self.fixedCounts = RuleCounts(model)
        if !model.book.isEmpty {
            for vm in hosts.indices where !isOpen[vm] && model.concernedByRules[vm] {
                self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: hosts[vm])
            }
        }
        self.bounds = Array(repeating: .nothing, count: model.nodes.count)
        for node in scope { self.updateBound(of: node) }
        // What must leave and cannot: no bound sees it, as it is of no open VM.
        self.infeasibleNodes += hosts.indices.count {
            !isOpen[$0] && model.mustLeave[$0] > 0 && hosts[$0] == model.origin[$0]
        }
    }

    /// The search for the whole problem.
    init(_ model: SearchModel, bestCost: MigrationCost?, allowsEjection: Bool) {
        self.init(
            model, hosts: model.origin, isOpen: model.vms.indices.map(model.isMovable),
            scope: Array(model.nodes.indices), bestCost: bestCost, allowsEjection: allowsEjection)
    }

    /// The least that any viable assignment can cost, as far as the bound sees; nil when it sees that there is none.
    var lowerBound: MigrationCost? {
        self.infeasibleNodes > 0 || self.fixedCounts.total.hard > 0 ? nil : self.costAtLeast
    }

    private var costAtLeast: MigrationCost {
        self.cost + self.boundSum + MigrationCost(weight: self.fixedCounts.total.soft, migrations: 0)
    }

    /// Searches until everything is explored or the meter is spent; asks `judge` about each assignment found that
    /// costs less than the best known.
    mutating func run(_ meter: inout StepMeter, judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict) {
        self.explore(depth: 0, isNew: true, &meter, judge)
    }

    private var isPromising: Bool {
        guard self.infeasibleNodes == 0, self.fixedCounts.total.hard == 0 else { return false }
        guard let best = self.bestCost else { return true }
        return self.costAtLeast < best
    }

    /// - Parameter isNew: whether a VM was moved since the last state, and not only decided to stay.
    private mutating func explore(
        depth: Int, isNew: Bool, _ meter: inout StepMeter,
        _ judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict
    ) {
        meter.spend(1)
        guard self.isPromising else { return }
        guard !meter.isSpent, depth < Self.depthMax else {
            self.isComplete = false
            return
        }
        switch self.nextDefect() {
        case .none:
            if isNew { self.judgeState(&meter, judge) }
            guard let vms = self.nextSoftConflict(), self.isPromising else { return }
            self.branch(over: vms, orNone: true, depth: depth, &meter, judge)
        case .hopeless:
            break
        case .oneMustLeave(let vms):
            self.branch(over: vms, orNone: false, depth: depth, &meter, judge)
        }
    }

    private mutating func judgeState(
        _ meter: inout StepMeter, _ judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict
    ) {
        let total = self.cost + MigrationCost(weight: self.state.softCost, migrations: 0)
        if let best = self.bestCost, total >= best { return }
        if case .taken(let cost) = judge(self.state, total, &meter) { self.bestCost = cost }
    }

    /// - Parameter orNone: whether also all of `vms` may stay.
    private mutating func branch(
        over vms: [Int], orNone: Bool, depth: Int, _ meter: inout StepMeter,
        _ judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict
    ) {
        var staying: [Int] = []
        var mayAllStay = orNone
        for vm in self.ordered(vms, &meter) {
            let twin = self.model.twinClass[vm]
            if twin < 0 || self.twinsStaying[twin] == 0 {
                for destination in self.destinations(of: vm, &meter) {
                    let from = self.state.hosts[vm]
                    self.place(vm, on: destination)
                    self.explore(depth: depth + 1, isNew: true, &meter, judge)
                    self.takeBack(vm, from: destination, to: from)
                    if meter.isSpent {
                        self.isComplete = false
                        break
                    }
                }
            }
            guard self.canStay(vm) else {
                mayAllStay = false
                break
            }
            self.setDecided(vm, true)
            staying.append(vm)
            if twin >= 0 { self.twinsStaying[twin] += 1 }
            if !self.isPromising {
                mayAllStay = false
                break
            }
            if meter.isSpent {
                self.isComplete = false
                mayAllStay = false
                break
            }
        }
        if mayAllStay { self.explore(depth: depth + 1, isNew: false, &meter, judge) }
        for vm in staying.reversed() {
            self.setDecided(vm, false)
            if self.model.twinClass[vm] >= 0 { self.twinsStaying[self.model.twinClass[vm]] -= 1 }
        }
    }
}

// What is wrong, and who could mend it.
extension AssignmentSearch {
    private enum Defect {
        case none
        /// Something is wrong that no open VM can mend.
        case hopeless
        /// At least one of these open VMs is elsewhere in every viable assignment below here.
        case oneMustLeave([Int])
    }

    /// The defect to branch on: the one with the fewest VMs, so that what is forced is done first.
    private func nextDefect() -> Defect {
        let (model, hosts, isDecided) = (self.model, self.state.hosts, self.isDecided)
        var fewest: [Int]?
        for node in self.scope where self.state.excess[node] > 0 || self.bounds[node].cost.migrations > 0 {
            let residents = model.residents[node]
            if let vm = residents.first(where: { model.mustLeave[$0] > 0 && !isDecided[$0] }) {
                return .oneMustLeave([vm])
            }
            guard self.state.excess[node] > 0 else { continue }
            let open = residents.filter { !isDecided[$0] && hosts[$0] == node }
            if open.isEmpty { return .hopeless }
            if fewest.map({ open.count < $0.count }) ?? true { fewest = open }
        }
        if self.state.groupBreaches > 0 {
            // Never without one: a breach in which all VMs are decided is hopeless, and was seen before.
            self.findHardConflict(&fewest)
            if fewest == nil { return .hopeless }
        }
        if let fewest { return .oneMustLeave(fewest) }
        return .none
    }

    /// The VMs one of which must leave to end a breach of a soft rule; nil when none can be ended any more.
    private func nextSoftConflict() -> [Int]? {
        guard self.state.softCost > self.fixedCounts.total.soft else { return nil }
        let finder = self.conflictFinder
        for rule in self.model.book.rules.indices where !self.model.book.rules[rule].isHard && self.isMendable(rule) {
            if let conflict = finder.conflicts(of: rule).first { return conflict.leavers }
        }
        return nil
    }

    /// Puts into `fewest` the VMs one of which must leave to end a breach of a hard rule, if they are fewer.
    private func findHardConflict(_ fewest: inout [Int]?) {
        let finder = self.conflictFinder
        for rule in self.model.book.rules.indices where self.model.book.rules[rule].isHard && self.isMendable(rule) {
            if let pair = finder.pair(of: rule) {
                let count = pair.second == nil ? 1 : 2
                if fewest.map({ count < $0.count }) ?? true { fewest = [pair.first] + [pair.second].compactMap { $0 } }
            } else {
                for conflict in finder.conflicts(of: rule) {
                    let open = conflict.someMustLeave
                    if fewest.map({ open.count < $0.count }) ?? true { fewest = Array(open) }
                }
            }
            if fewest?.count == 1 { return }
        }
    }

    private func isMendable(_ rule: Int) -> Bool {
        self.state.counts.breaches[rule] > self.fixedCounts.breaches[rule]
    }

    private var conflictFinder: ConflictFinder {
        let isDecided = self.isDecided
        return ConflictFinder(self.model, hosts: self.state.hosts) { isDecided[$0] }
    }

    /// `vms` in the order in which to try who leaves: the least cost with what then remains first.
    private func ordered(_ vms: [Int], _ meter: inout StepMeter) -> [Int] {
        guard vms.count > 1 else { return vms }
        meter.spend(vms.count)
        // Closures are to hold this alone: they would hold a copy of the whole search.
        let (model, hosts, loads, isDecided) = (self.model, self.state.hosts, self.state.loads, self.isDecided)
        let ranked = vms.map { vm -> (cost: MigrationCost, demand: Int, vm: Int) in
            let node = hosts[vm]
            let rest = CoverBound(model, node: node, load: loads[node] &- model.demand[vm]) {
                !isDecided[$0] && $0 != vm
            }
            var cost = rest.cost + MigrationCost(weight: model.leastHopWeight[vm], migrations: 1)
            if !rest.isFeasible { cost.weight = .max }
            return (cost, model.demand[vm][Resource.cpu.rawValue], vm)
        }
        return ranked.sorted { ($0.cost, -$0.demand, $0.vm) < ($1.cost, -$1.demand, $1.vm) }.map(\.vm)
    }

    /// Where `vm` can go: where it fits first, of these by cost and then risk; then by how much the node overflows.
    private func destinations(of vm: Int, _ meter: inout StepMeter) -> [Int] {
        struct Destination {
            var overflow: Int
            var weight: Int
            var risk: Int
            var node: Int
        }
        let demand = self.model.demand[vm]
        let from = self.state.hosts[vm]
        let candidates = self.model.domain(of: vm)
        meter.spend(candidates.count)
        var found: [Destination] = []
        for node in candidates where node != from && self.inScope.contains(node) {
            guard self.model.fits(self.fixedLoads[node] &+ demand, on: node), self.permits(vm, on: node) else {
                continue
            }
            let load = self.state.loads[node] &+ demand
            let overflow = self.model.excessPermille(node, load: load)
            guard overflow == 0 || self.allowsEjection else { continue }
            let cpu = Resource.cpu.rawValue
            // Variances of the VMs that stand there are not tracked here: the mean ranks destinations well enough,
            // and the refinement afterwards reckons with them.
            let risk =
                self.model.risk(node, cpuMillicores: load[cpu], variance: self.model.variance[vm])
                - self.model.risk(node, cpuMillicores: load[cpu] - demand[cpu], variance: 0)
            found.append(
                Destination(
                    overflow: overflow, weight: self.model.hopWeight(vm, from: from, to: node), risk: risk, node: node))
        }
        found.sort { ($0.overflow, $0.weight, $0.risk, $0.node) < ($1.overflow, $1.weight, $1.risk, $1.node) }
        return found.map(\.node)
    }

    /// Whether no hard rule is broken when `vm` is on `node` with the VMs decided already.
    private func permits(_ vm: Int, on node: Int) -> Bool {
        self.fixedCounts.change(vm, from: RuleCounts.nowhere, to: node).hard == 0
    }

    private func canStay(_ vm: Int) -> Bool {
        let node = self.state.hosts[vm]
        return self.model.mustLeave[vm] == 0
            && self.model.fits(self.fixedLoads[node] &+ self.model.demand[vm], on: node)
            && self.permits(vm, on: node)
    }
}

// Changing the state and back.
extension AssignmentSearch {
    private mutating func place(_ vm: Int, on node: Int) {
        let from = self.state.hosts[vm]
        self.cost =
            self.cost
            + MigrationCost(
                weight: self.model.hopWeight(vm, from: from, to: node), migrations: 1)
        self.isDecided[vm] = true
        self.fixedLoads[node] &+= self.model.demand[vm]
        self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
        self.state.move(vm, to: node)
        self.updateBound(of: from)
        self.updateBound(of: node)
    }

    private mutating func takeBack(_ vm: Int, from node: Int, to first: Int) {
        self.cost =
            self.cost
            - MigrationCost(
                weight: self.model.hopWeight(vm, from: first, to: node), migrations: 1)
        self.isDecided[vm] = false
        self.fixedLoads[node] &-= self.model.demand[vm]
        self.fixedCounts.move(vm, from: node, to: RuleCounts.nowhere)
        self.state.move(vm, to: first)
        self.updateBound(of: first)
        self.updateBound(of: node)
    }

    private mutating func setDecided(_ vm: Int, _ decided: Bool) {
        let node = self.state.hosts[vm]
        self.isDecided[vm] = decided
        if decided {
            self.fixedLoads[node] &+= self.model.demand[vm]
            self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
        } else {
            self.fixedLoads[node] &-= self.model.demand[vm]
            self.fixedCounts.move(vm, from: node, to: RuleCounts.nowhere)
        }
        self.updateBound(of: node)
    }

    private mutating func updateBound(of node: Int) {
        let isDecided = self.isDecided
        let old = self.bounds[node]
        let new = CoverBound(self.model, node: node, load: self.state.loads[node]) { !isDecided[$0] }
        self.bounds[node] = new
        self.boundSum = self.boundSum + new.cost - old.cost
        self.infeasibleNodes += (new.isFeasible ? 0 : 1) - (old.isFeasible ? 0 : 1)
    }
}
