// What relief costs.
extension LeaverSearch {
    /// The least that it costs to bring `node` under its limits from `load`; nil when it cannot be done.
    mutating func relief(of node: Int, under load: Amounts) -> MigrationCost? {
        let excess = load &- self.model.limit[node]
        var cost = MigrationCost.zero
        for resource in 0..<4 where excess[resource] > 0 {
            guard let least = self.frontiers.frontier(of: node, resource).cost(toFree: excess[resource]) else {
                return nil
            }
            cost = max(cost, least)
        }
        return cost
    }

    mutating func updateRelief(of node: Int) {
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
}

// Changing the state and back.
extension LeaverSearch {
    mutating func leave(_ vm: Int) { self.make(.left(vm)) }

    mutating func stay(_ vm: Int) { self.make(.stayed(vm)) }

    mutating func place(_ vm: Int, on node: Int) { self.make(.placed(vm, on: node)) }

    private mutating func make(_ change: Change) {
        self.apply(change, isUndone: false)
        self.trail.append(change)
    }

    mutating func undo(to mark: Int) {
        while self.trail.count > mark, let change = self.trail.popLast() { self.apply(change, isUndone: true) }
    }

    private mutating func apply(_ change: Change, isUndone: Bool) {
        switch change {
        case .left(let vm):
            let node = self.model.origin[vm]
            self.frontiers.set(vm, isOpen: isUndone)
            self.standing[vm] = isUndone ? .open : .pooled
            if isUndone { self.takeFromPool(vm, to: node) } else { self.putInPool(vm, from: node) }
            self.add(self.model.leastHopCost(vm), isUndone)
            self.updateRelief(of: node)
        case .stayed(let vm):
            let node = self.model.origin[vm]
            self.frontiers.set(vm, isOpen: isUndone)
            self.standing[vm] = isUndone ? .open : .staying
            self.fix(vm, on: node, isUndone)
            self.updateRelief(of: node)
        case .placed(let vm, let node):
            self.standing[vm] = isUndone ? .pooled : .placed
            if isUndone { self.putInPool(vm, from: node) } else { self.takeFromPool(vm, to: node) }
            self.fix(vm, on: node, isUndone)
            let more = self.model.hopWeight(vm, from: self.model.origin[vm], to: node) - self.model.leastHopWeight[vm]
            self.add(MigrationCost(weight: more, migrations: 0), isUndone)
            self.updateRelief(of: node)
        }
    }

    private mutating func putInPool(_ vm: Int, from node: Int) {
        self.hosts[vm] = RuleCounts.nowhere
        self.counts.move(vm, from: node, to: RuleCounts.nowhere)
        self.loads[node] &-= self.model.demand[vm]
        self.pool.append(vm)
    }

    private mutating func takeFromPool(_ vm: Int, to node: Int) {
        self.pool.removeAll { $0 == vm }
        self.loads[node] &+= self.model.demand[vm]
        self.counts.move(vm, from: RuleCounts.nowhere, to: node)
        self.hosts[vm] = node
    }

    /// Counts `vm` among those that will not leave `node` any more.
    private mutating func fix(_ vm: Int, on node: Int, _ isUndone: Bool) {
        if isUndone {
            self.fixedCounts.move(vm, from: node, to: RuleCounts.nowhere)
            self.fixedLoads[node] &-= self.model.demand[vm]
        } else {
            self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
            self.fixedLoads[node] &+= self.model.demand[vm]
        }
    }

    private mutating func add(_ more: MigrationCost, _ isUndone: Bool) {
        self.cost = isUndone ? self.cost - more : self.cost + more
    }
}
