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
            memoryMiB += self.model.memoryMiB(hop.vm)
            hosts[hop.vm] = hop.to
            lastHop[hop.vm] = hop
        }
        let first = SearchState(self.model, hosts: self.model.origin)
        let moved = Set(hops.map(\.vm))
        let steps = StepSchedule.steps(self.model, hosts: self.model.origin, hops: hops).map { step in
            step.map { hop in
                Migration(
                    vm: self.model.vms[hop.vm].id, from: self.model.nodes[hop.from].id,
                    to: self.model.nodes[hop.to].id,
                    reason: self.reason(hop, isLast: lastHop[hop.vm] == hop, first, moved))
            }
        }
        return ReconfigurationPlan(
            steps: steps, cost: cost, memoryMiB: memoryMiB, risk: RiskRefinement(self.model, hosts: hosts).risk)
    }

    private func reason(_ hop: Hop, isLast: Bool, _ first: SearchState, _ moved: Set<Int>) -> MigrationReason {
        let model = self.model
        let from = model.nodes[hop.from].id
        if !isLast { return .stepsAside(from) }
        if hop.from != model.origin[hop.vm] { return .movesOn(from) }
        if model.emptied[hop.from] { return .empties(from) }
        if let constraint = model.forbiddenBy[hop.vm] { return .mends(constraint: constraint) }
        for index in model.groupsOf[hop.vm] where self.isBroken(model.groups[index], at: hop.vm, first) {
            return .mends(constraint: model.groups[index].constraint)
        }
        let excess = first.loads[hop.from] &- model.limit[hop.from]
        for resource in Resource.allCases
        where excess[resource.rawValue] > 0 && model.demand[hop.vm][resource.rawValue] > 0 {
            return .relieves(from, resource)
        }
        for index in model.groupsOf[hop.vm] where model.groups[index].kind == .together {
            if model.groups[index].members.contains(where: { $0 != hop.vm && moved.contains($0) }) {
                return .follows(constraint: model.groups[index].constraint)
            }
        }
        switch model.policy {
        case .repair, .evacuate: return .makesRoom(from)
        case .balance: return .evensOut(from)
        case .consolidate: return .empties(from)
        }
    }

    private func isBroken(_ group: SearchModel.Group, at vm: Int, _ state: SearchState) -> Bool {
        group.members.contains { other in
            other != vm && (state.hosts[other] == state.hosts[vm]) == (group.kind == .apart)
        }
    }
}
