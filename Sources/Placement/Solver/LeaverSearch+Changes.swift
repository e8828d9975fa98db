// What relief costs.
extension LeaverSearch {
    /// The least that it costs to bring `node` under its limits from `load`; nil when it cannot be done.
    mutating func relief(of node: Int, under load: Amounts) -> MigrationCost? {
        let excess = load &- self.model.limit[node]
        var cost = MigrationCost.zero
        for resource in 0..<4 where excess[resource] > 0 {
            guard let least = self.frontier(of: node, resource).cost(toFree: excess[resource]) else { return nil }
            cost = max(cost, least)
        }
        return cost
    }

    mutating func frontier(of node: Int, _ resource: Int) -> CoverFrontier {
        if let known = self.frontiers[4 * node + resource] { return known }
        var frontier = CoverFrontier()
        for vm in self.model.residents[node] where self.standing[vm] == .open {
            frontier.add(demand: self.model.demand[vm][resource], cost: self.model.leastHopCost(vm))
        }
        self.frontiers[4 * node + resource] = frontier
        return frontier
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

    mutating func forgetFrontiers(of node: Int) {
        for resource in 0..<4 { self.frontiers[4 * node + resource] = nil }
    }
}

// Changing the state and back.
extension LeaverSearch {
    mutating func leave(_ vm: Int) {
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

    mutating func stay(_ vm: Int) {
        let node = self.model.origin[vm]
        self.standing[vm] = .staying
        self.fixedCounts.move(vm, from: RuleCounts.nowhere, to: node)
        self.fixedLoads[node] &+= self.model.demand[vm]
        self.forgetFrontiers(of: node)
        self.updateRelief(of: node)
        self.trail.append(.stayed(vm))
    }

    mutating func place(_ vm: Int, on node: Int) {
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

    mutating func undo(to mark: Int) {
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
