/// Branch and bound over assignments of VMs to nodes.
///
/// A VM is open (it stands where the search found it and may still go) or decided. As long as the state is not viable,
/// something is wrong that only ends when one of a few open VMs leaves: a VM that must leave, an overloaded node's VMs,
/// two VMs wrongly apart or together. The search branches over which of them leaves first in a fixed order, those
/// before it being decided to stay, and over where it goes. So every viable assignment that moves nothing needlessly
/// is reached in exactly one way, nodes that take in too much are relieved in turn (ejection chains), and the depth
/// is the number of moves. Pruned by ``CoverBound``.
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
    var lowerBound: MigrationCost? { self.infeasibleNodes > 0 ? nil : self.cost + self.boundSum }

    /// Searches until everything is explored or the meter is spent; asks `judge` about each assignment found that
    /// costs less than the best known.
    mutating func run(_ meter: inout StepMeter, judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict) {
        self.explore(depth: 0, &meter, judge)
    }

    private var isPromising: Bool {
        guard self.infeasibleNodes == 0 else { return false }
        guard let best = self.bestCost else { return true }
        return self.cost + self.boundSum < best
    }

    private mutating func explore(
        depth: Int, _ meter: inout StepMeter, _ judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict
    ) {
        meter.spend(1)
        guard self.isPromising else { return }
        guard !meter.isSpent, depth < Self.depthMax else {
            self.isComplete = false
            return
        }
        switch self.nextDefect() {
        case .none:
            if case .taken(let cost) = judge(self.state, self.cost, &meter) { self.bestCost = cost }
        case .hopeless:
            break
        case .oneMustLeave(let vms):
            self.branch(over: vms, depth: depth, &meter, judge)
        }
    }

    private mutating func branch(
        over vms: [Int], depth: Int, _ meter: inout StepMeter,
        _ judge: (SearchState, MigrationCost, inout StepMeter) -> Verdict
    ) {
        var staying: [Int] = []
        for vm in self.ordered(vms, &meter) {
            let twin = self.model.twinClass[vm]
            if twin < 0 || self.twinsStaying[twin] == 0 {
                for destination in self.destinations(of: vm, &meter) {
                    let from = self.state.hosts[vm]
                    self.place(vm, on: destination)
                    self.explore(depth: depth + 1, &meter, judge)
                    self.takeBack(vm, from: destination, to: from)
                    if meter.isSpent {
                        self.isComplete = false
                        break
                    }
                }
            }
            guard self.canStay(vm) else { break }
            self.setDecided(vm, true)
            staying.append(vm)
            if twin >= 0 { self.twinsStaying[twin] += 1 }
            if !self.isPromising { break }
            if meter.isSpent {
                self.isComplete = false
                break
            }
        }
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
        var fewest: [Int]?
        for node in self.scope where self.state.excess[node] > 0 || self.bounds[node].cost.migrations > 0 {
            let residents = self.model.residents[node]
            if let vm = residents.first(where: { self.model.mustLeave[$0] > 0 && !self.isDecided[$0] }) {
                return .oneMustLeave([vm])
            }
            guard self.state.excess[node] > 0 else { continue }
            let open = residents.filter { !self.isDecided[$0] && self.state.hosts[$0] == node }
            if open.isEmpty { return .hopeless }
            if fewest.map({ open.count < $0.count }) ?? true { fewest = open }
        }
        if self.state.groupBreaches > 0 {
            for group in self.model.groups {
                guard let open = self.openPair(of: group) else { continue }
                if open.isEmpty { return .hopeless }
                if fewest.map({ open.count < $0.count }) ?? true { fewest = open }
            }
        }
        if let fewest { return .oneMustLeave(fewest) }
        return .none
    }

    /// The open ones of two members that are wrongly together or apart, with as few open ones as there are; nil when
    /// the group is not broken.
    private func openPair(of group: SearchModel.Group) -> [Int]? {
        var fewest: [Int]?
        for (offset, left) in group.members.enumerated() {
            for right in group.members[(offset + 1)...]
            where (self.state.hosts[left] == self.state.hosts[right]) == (group.kind == .apart) {
                let open = [left, right].filter { !self.isDecided[$0] }
                if fewest.map({ open.count < $0.count }) ?? true { fewest = open }
                if open.isEmpty { return open }
            }
        }
        return fewest
    }

    /// `vms` in the order in which to try who leaves: the least cost with what then remains first.
    private func ordered(_ vms: [Int], _ meter: inout StepMeter) -> [Int] {
        guard vms.count > 1 else { return vms }
        meter.spend(vms.count)
        let ranked = vms.map { vm -> (cost: MigrationCost, demand: Int, vm: Int) in
            let node = self.state.hosts[vm]
            let rest = CoverBound(self.model, node: node, load: self.state.loads[node] &- self.model.demand[vm]) {
                !self.isDecided[$0] && $0 != vm
            }
            var cost = rest.cost + MigrationCost(weight: self.model.leastHopWeight[vm], migrations: 1)
            if !rest.isFeasible { cost.weight = .max }
            return (cost, self.model.demand[vm][Resource.cpu.rawValue], vm)
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

    /// Whether the decided members of its groups let `vm` be on `node`.
    private func permits(_ vm: Int, on node: Int) -> Bool {
        for index in self.model.groupsOf[vm] {
            let group = self.model.groups[index]
            for member in group.members where member != vm && self.isDecided[member] {
                if (self.state.hosts[member] == node) == (group.kind == .apart) { return false }
            }
        }
        return true
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
        self.state.move(vm, to: first)
        self.updateBound(of: first)
        self.updateBound(of: node)
    }

    private mutating func setDecided(_ vm: Int, _ decided: Bool) {
        let node = self.state.hosts[vm]
        self.isDecided[vm] = decided
        if decided {
            self.fixedLoads[node] &+= self.model.demand[vm]
        } else {
            self.fixedLoads[node] &-= self.model.demand[vm]
        }
        self.updateBound(of: node)
    }

    private mutating func updateBound(of node: Int) {
        let old = self.bounds[node]
        let new = CoverBound(self.model, node: node, load: self.state.loads[node]) { !self.isDecided[$0] }
        self.bounds[node] = new
        self.boundSum = self.boundSum + new.cost - old.cost
        self.infeasibleNodes += (new.isFeasible ? 0 : 1) - (old.isFeasible ? 0 : 1)
    }
}
