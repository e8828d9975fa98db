import HeapModule

/// Finds the cheapest way from a mapping to another, one migration at a time, VMs stepping aside where they must.
///
/// Uniform-cost search with a lower bound (A*) over the positions of some VMs. Exact as long as the meter lasts.
struct PathSearch {
    /// Where the search is to arrive.
    enum Goal {
        /// Every VM on its node.
        case hosts([Int])
        /// Any viable mapping.
        case anyViable
    }

    enum Result {
        /// The cost includes, for any viable mapping, what its breaches of soft constraints cost.
        case found([Hop], MigrationCost)
        /// There is no way at all that moves only the VMs given and costs less than the limit.
        case impossible
        case unknown
    }

    private struct Entry: Comparable {
        var estimate: MigrationCost
        /// Of equal estimates the one nearer to its goal first, then the newer one.
        var left: MigrationCost
        var serial: Int

        static func < (a: Entry, b: Entry) -> Bool {
            (a.estimate, a.left, -a.serial) < (b.estimate, b.left, -b.serial)
        }
    }

    private struct Visit {
        var positions: [Int]
        var cost: MigrationCost
        var parent: Int
    }

    private let model: SearchModel
    private let hosts: [Int]
    private let movers: [Int]
    private let goal: Goal
    /// Only ways that cost less are of interest.
    private let costLimit: MigrationCost?

    /// - Parameter movers: the VMs that may be moved, all of which may at least step aside.
    init(_ model: SearchModel, hosts: [Int], movers: [Int], goal: Goal, costLimit: MigrationCost?) {
        self.model = model
        self.hosts = hosts
        self.movers = movers
        self.goal = goal
        self.costLimit = costLimit
    }

    func run(_ meter: inout StepMeter) -> Result {
        let start = self.movers.map { self.hosts[$0] }
        var limit = self.costLimit
        var visits = [Visit(positions: start, cost: .zero, parent: -1)]
        var known: [[Int]: MigrationCost] = [start: .zero]
        let left = self.costLeft(start)
        var best: (serial: Int, cost: MigrationCost)?
        var queue: Heap<Entry> = [Entry(estimate: left, left: left, serial: 0)]
        while let entry = queue.popMin() {
            if meter.isSpent { return .unknown }
            let visit = visits[entry.serial]
            guard known[visit.positions] == visit.cost else { continue }
            if let best, entry.estimate >= best.cost { break }
            if let softCost = self.softCostIfGoal(visit.positions, &meter) {
                let total = visit.cost + MigrationCost(weight: softCost, migrations: 0)
                if limit.map({ total < $0 }) ?? true {
                    best = (entry.serial, total)
                    limit = total
                }
                if softCost == 0 { break }
            }
            self.expand(visit, at: entry.serial, &meter) { next in
                if let other = known[next.positions], other <= next.cost { return }
                let left = self.costLeft(next.positions)
                if let limit, next.cost + left >= limit { return }
                known[next.positions] = next.cost
                queue.insert(Entry(estimate: next.cost + left, left: left, serial: visits.count))
                visits.append(next)
            }
        }
        return best.map { .found(self.hops(to: $0.serial, visits), $0.cost) } ?? .impossible
    }

    private func expand(_ visit: Visit, at serial: Int, _ meter: inout StepMeter, _ found: (Visit) -> Void) {
        var hosts = self.hosts
        for (index, vm) in self.movers.enumerated() { hosts[vm] = visit.positions[index] }
        let free = MemoryRoom.free(self.model, hosts: hosts)
        let counts = RuleCounts(self.model, watching: hosts)
        for (index, vm) in self.movers.enumerated() {
            let from = visit.positions[index]
            let memory = self.model.memoryMiB(vm)
            let candidates = self.model.transit(of: vm)
            meter.spend(candidates.count + 1)
            for node in candidates where node != from && memory <= free[node] && counts.admits(vm, on: node) {
                var next = visit
                next.positions[index] = node
                next.cost = visit.cost + self.cost(of: vm, from: from, to: node)
                next.parent = serial
                found(next)
            }
        }
    }

    private func cost(of vm: Int, from: Int, to: Int) -> MigrationCost {
        MigrationCost(weight: self.model.hopWeight(vm, from: from, to: to), migrations: 1)
    }

    /// A lower bound of what is still to be paid: each VM that is not at its goal has one hop at least.
    private func costLeft(_ positions: [Int]) -> MigrationCost {
        guard case .hosts(let goal) = self.goal else { return .zero }
        var cost = MigrationCost.zero
        for (index, vm) in self.movers.enumerated() where positions[index] != goal[vm] {
            // The last hop enters the goal and so weighs at least what the goal's own link makes of it.
            cost.weight += self.model.leastWeight(of: vm, into: goal[vm])
            cost.migrations += 1
        }
        return cost
    }

    /// What soft constraints cost where the search arrives; nil when it is not there.
    private func softCostIfGoal(_ positions: [Int], _ meter: inout StepMeter) -> Int? {
        switch self.goal {
        case .hosts(let goal):
            return self.movers.indices.allSatisfy { positions[$0] == goal[self.movers[$0]] } ? 0 : nil
        case .anyViable:
            guard self.movers.indices.allSatisfy({ self.model.mayStay(self.movers[$0], on: positions[$0]) }) else {
                return nil
            }
            meter.spend(self.model.vms.count)
            var hosts = self.hosts
            for (index, vm) in self.movers.enumerated() { hosts[vm] = positions[index] }
            let state = SearchState(self.model, hosts: hosts)
            return state.violation == 0 ? state.softCost : nil
        }
    }

    private func hops(to serial: Int, _ visits: [Visit]) -> [Hop] {
        var hops: [Hop] = []
        var current = serial
        while visits[current].parent >= 0 {
            let (to, from) = (visits[current].positions, visits[visits[current].parent].positions)
            for (index, vm) in self.movers.enumerated() where to[index] != from[index] {
                hops.append(Hop(vm: vm, from: from[index], to: to[index]))
            }
            current = visits[current].parent
        }
        return hops.reversed()
    }
}

extension SearchModel {
    /// The least that a hop of `vm` into `node` can weigh, wherever it comes from.
    func leastWeight(of vm: Int, into node: Int) -> Int {
        self.hopCost(of: vm, over: self.nodes[node].linkMbps).weight
    }
}
