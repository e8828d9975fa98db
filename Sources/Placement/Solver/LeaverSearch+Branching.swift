// Branching.
extension LeaverSearch {
    /// Tries every node on which all of a party can be together, the cheapest first.
    mutating func branch(
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
    mutating func unite(_ party: [Int], on node: Int) -> Bool {
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
    mutating func branch(
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
    mutating func branch(
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
    mutating func branch(
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
    mutating func settle(
        _ scarcest: Int?, isNew: Bool, _ depth: Int, _ meter: inout StepMeter, _ judge: Judge
    ) {
        if isNew || scarcest != nil, let hosts = PoolPacking(self).packed(&meter),
            case .taken(let cost) = judge(hosts, &meter)
        {
            // With steps aside it may cost more than what is looked for.
            self.bestCost = min(cost, self.bestCost ?? cost)
        }
        guard self.isPromising() else { return }
        if let scarcest {
            self.branch(overPlacesOf: scarcest, depth, &meter, judge)
        } else if self.counts.total.soft > self.fixedCounts.total.soft, let vms = self.softConflict() {
            self.branch(over: vms, orNone: true, depth, &meter, judge)
        }
    }

    /// Whether the search must end here; what has not been explored is then not proven.
    mutating func isCutShort(_ meter: StepMeter) -> Bool {
        if meter.isSpent { self.isComplete = false }
        return meter.isSpent
    }
}
