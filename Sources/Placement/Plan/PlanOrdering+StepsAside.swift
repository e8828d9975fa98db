extension PlanOrdering {
    /// Goes on where no order was found, with VMs stepping aside: each at most once, to a node that has room meanwhile.
    ///
    /// Greedy: whenever nothing can be done, the VM steps aside for which that costs least among those that thereby
    /// make room for another. So it finds a way round most circles, and not always the cheapest.
    ///
    /// - Returns: all hops, and what stepping aside costs beyond the direct migrations; nil when it gets stuck.
    mutating func goOnSteppingAside(_ meter: inout StepMeter) -> (hops: [Hop], extra: MigrationCost)? {
        var extra = MigrationCost.zero
        var aside: Set<Int> = []
        while !self.remaining.isEmpty {
            guard !meter.isSpent, let next = self.cheapestStepAside(aside, &meter) else { return nil }
            extra = extra + next.extra
            aside.insert(self.remaining[next.index].vm)
            self.stepAside(next.index, to: next.node)
            self.doWhateverFits(&meter)
        }
        return (self.done, extra)
    }

    private struct StepAside {
        var extra: MigrationCost
        /// Of its hop among the remaining ones.
        var index: Int
        var node: Int
    }

    private func cheapestStepAside(_ aside: Set<Int>, _ meter: inout StepMeter) -> StepAside? {
        var cheapest: StepAside?
        for (index, hop) in self.remaining.enumerated() where !aside.contains(hop.vm) && self.makesRoom(hop) {
            let nodes = self.model.transit(of: hop.vm)
            meter.spend(1 + nodes.count)
            for node in nodes where node != hop.from && node != hop.to {
                guard self.model.memoryMiB(hop.vm) <= self.free[node], self.counts.admits(hop.vm, on: node) else {
                    continue
                }
                let weight =
                    self.model.hopWeight(hop.vm, from: hop.from, to: node)
                    + self.model.hopWeight(hop.vm, from: node, to: hop.to)
                    - self.model.hopWeight(hop.vm, from: hop.from, to: hop.to)
                let extra = MigrationCost(weight: weight, migrations: 1)
                if let known = cheapest, known.extra <= extra { continue }
                cheapest = StepAside(extra: extra, index: index, node: node)
            }
        }
        return cheapest
    }

    /// Whether something that waits could enter the node that this hop leaves.
    private func makesRoom(_ hop: Hop) -> Bool {
        guard self.model.mayStepAside(hop.vm) else { return false }
        let room = self.free[hop.from] + self.model.memoryMiB(hop.vm)
        return self.remaining.contains { $0.to == hop.from && self.model.memoryMiB($0.vm) <= room }
    }

    private mutating func stepAside(_ index: Int, to node: Int) {
        let hop = self.remaining[index]
        let memory = self.model.memoryMiB(hop.vm)
        self.free[hop.from] += memory
        self.free[node] -= memory
        self.follow(hop.vm, from: hop.from, to: node)
        self.done.append(Hop(vm: hop.vm, from: hop.from, to: node))
        self.remaining[index].from = node
    }
}
