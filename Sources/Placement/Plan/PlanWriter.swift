/// Turns hops in an order that works into a plan with names, steps, cost and reasons.
struct PlanWriter {
    private let model: SearchModel

    init(_ model: SearchModel) {
        self.model = model
    }

    /// - Parameter hops: from the first mapping on; every VM's first hop leaves its first node.
    func plan(_ hops: [Hop]) -> ReconfigurationPlan {
        var cost = MigrationCost.zero
        var memoryMiB = 0
        var hosts = self.model.origin
        var lastHop: [Int: Hop] = [:]
        for hop in hops {
            precondition(hosts[hop.vm] == hop.from, "a hop leaves from where the one before it did not lead")
            cost =
                cost
                + MigrationCost(
                    weight: self.model.hopWeight(hop.vm, from: hop.from, to: hop.to), migrations: 1)
            memoryMiB += self.model.vms[hop.vm].demand.memoryMiB
            hosts[hop.vm] = hop.to
            lastHop[hop.vm] = hop
        }
        let first = SearchState(self.model, hosts: self.model.origin)
        let last = RuleCounts(self.model, hosts: hosts)
        let moved = Set(hops.map(\.vm))
        let steps = StepSchedule.steps(self.model, hosts: self.model.origin, hops: hops).map { step in
            step.map { hop in
                Migration(
                    vm: self.model.vms[hop.vm].id, from: self.model.nodes[hop.from].id,
                    to: self.model.nodes[hop.to].id,
                    reason: self.reason(hop, isLast: lastHop[hop.vm] == hop, first, last, moved))
            }
        }
        return ReconfigurationPlan(
            steps: steps, cost: cost, memoryMiB: memoryMiB, risk: RiskRefinement(self.model, hosts: hosts).risk,
            softCost: last.total.soft)
    }

    private func reason(
        _ hop: Hop, isLast: Bool, _ first: SearchState, _ last: RuleCounts, _ moved: Set<Int>
    ) -> MigrationReason {
        let model = self.model
        let from = model.nodes[hop.from].id
        if !isLast { return .stepsAside(from) }
        if hop.from != model.origin[hop.vm] { return .movesOn(from) }
        if model.emptied[hop.from] { return .empties(from) }
        if let constraint = model.forbiddenBy[hop.vm] { return .mends(constraint: constraint) }
        if let rule = self.mended(by: hop, first, last, isHard: true) { return .mends(constraint: rule) }
        let excess = first.loads[hop.from] &- model.limit[hop.from]
        for resource in Resource.allCases
        where excess[resource.rawValue] > 0 && model.demand[hop.vm][resource.rawValue] > 0 {
            return .relieves(from, resource)
        }
        if let rule = self.mended(by: hop, first, last, isHard: false) { return .mends(constraint: rule) }
        for membership in model.book.memberships[hop.vm] {
            let rule = model.book.rules[membership.rule]
            guard rule.kind == .presence, rule.onePlacePerClass else { continue }
            let details = model.book.details[membership.rule]
            let hasCompany = details.members.contains {
                $0.vm != hop.vm && $0.category == membership.category && moved.contains($0.vm)
            }
            if hasCompany { return .follows(constraint: details.constraint) }
        }
        return .makesRoom(from)
    }

    /// The constraint of the first rule that is broken less in the end, and to whose breaches the VM of `hop` had to do.
    private func mended(by hop: Hop, _ first: SearchState, _ last: RuleCounts, isHard: Bool) -> String? {
        let book = self.model.book
        guard first.counts.total != BreachChange() else { return nil }
        var without = first.counts
        without.move(hop.vm, from: hop.from, to: RuleCounts.nowhere)
        return book.rules.indices.first { index in
            guard book.rules[index].isHard == isHard, last.breaches[index] < first.counts.breaches[index] else {
                return false
            }
            if without.breaches[index] < first.counts.breaches[index] { return true }
            // One of several that leave together, or that come to where the others are.
            return book.memberships[hop.vm].contains { $0.rule == index }
        }.map { book.details[$0].constraint }
    }
}
