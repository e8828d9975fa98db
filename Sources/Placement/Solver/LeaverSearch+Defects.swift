// What is wrong, and who could mend it.
extension LeaverSearch {
    enum Outlook {
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

    mutating func outlook(_ meter: inout StepMeter) -> Outlook {
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
    mutating func places(of vm: Int, _ meter: inout StepMeter) -> [Place] {
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
    func unsettledParty() -> [Int]? {
        self.parties.members.first { party in
            party.contains { self.hosts[$0] != self.hosts[party[0]] || self.standing[$0] == .pooled }
        }
    }

    /// Of these VMs at least one must leave, or no viable assignment is below here: the fewest that are known.
    func hardConflict() -> [Int] {
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
    func softConflict() -> [Int]? {
        let finder = self.conflictFinder
        for index in self.model.book.rules.indices where self.isMendable(index) && !self.model.book.rules[index].isHard
        {
            if let conflict = finder.conflicts(of: index).first { return conflict.leavers }
        }
        return nil
    }

    /// Whether a rule has breaches in which not all VMs are decided.
    func isMendable(_ rule: Int) -> Bool { self.counts.breaches[rule] > self.fixedCounts.breaches[rule] }

    var conflictFinder: ConflictFinder {
        let standing = self.standing
        return ConflictFinder(self.model, hosts: self.hosts) { standing[$0] != .open }
    }

    /// Whether the VMs that will not leave any more let `vm` be on `node`.
    func permits(_ vm: Int, on node: Int) -> Bool {
        self.fixedCounts.change(vm, from: RuleCounts.nowhere, to: node).hard == 0
    }

    /// Whether a VM stands somewhere that would have to leave if `vm` came to `node`.
    func hasOpenRival(of vm: Int, on node: Int) -> Bool {
        self.counts.change(vm, from: RuleCounts.nowhere, to: node).hard > 0
    }

    /// The node whose relief costs most.
    func nodeToRelieve() -> Int? {
        var costliest: Int?
        for node in self.scope where self.reliefs[node] != .zero {
            if costliest.map({ self.reliefs[node] > self.reliefs[$0] }) ?? true { costliest = node }
        }
        return costliest
    }

    /// A VM of a cheapest set that relieves `node` of what costs most to relieve it of; of these one that wants little
    /// and so finds room easily.
    mutating func leaver(of node: Int, _ meter: inout StepMeter) -> Int? {
        let excess = self.loads[node] &- self.model.limit[node]
        let limit = self.reliefs[node]
        let resource = (0..<4).first {
            excess[$0] > 0 && self.frontiers.frontier(of: node, $0).cost(toFree: excess[$0]) == limit
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
