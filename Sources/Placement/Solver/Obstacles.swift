/// Finds out, for people, why a mapping could not be made viable.
struct Obstacles {
    private let model: SearchModel
    private let problem: PlacementProblem

    init(_ model: SearchModel, _ problem: PlacementProblem) {
        self.model = model
        self.problem = problem
    }

    /// Everything that is wrong when the VMs are on `hosts`, with the reasons why it stays so.
    func found(in hosts: [Int]) -> [PlacementObstacle] {
        let mapping = Mapping(hosts.indices.map { (vm: self.model.vms[$0].id, node: self.model.nodes[hosts[$0]].id) })
        let viability = Viability(of: mapping, in: self.problem)
        let positions = Dictionary(uniqueKeysWithValues: self.model.vms.indices.map { (self.model.vms[$0].id, $0) })
        let state = SearchState(self.model, hosts: hosts)
        var obstacles = self.totals().map { PlacementObstacle(defect: $0, refusals: []) }
        for overload in viability.overloads {
            let vms = self.model.vms.indices.filter { self.model.nodes[hosts[$0]].id == overload.node }
            obstacles.append(self.obstacle(.overloaded(overload), vms, state))
        }
        for stranded in viability.stranded {
            let vms = [stranded.vm].compactMap { positions[$0] }
            obstacles.append(self.obstacle(.stranded(stranded), vms, state))
        }
        for breach in viability.breaches {
            let vms = breach.vms.compactMap { positions[$0] }
            obstacles.append(self.obstacle(.broken(breach), vms, state))
        }
        return obstacles
    }

    /// Resources of which all VMs together want more than all nodes that may keep VMs can give: a proof that no
    /// mapping is viable.
    func totals() -> [MappingDefect] {
        Resource.allCases.compactMap { resource in
            var (demand, limit) = (0, 0)
            for vm in self.model.vms.indices where self.model.nodes[self.model.origin[vm]].state != .offline {
                demand += self.model.demand[vm][resource.rawValue]
            }
            for node in self.model.nodes.indices
            where self.model.nodes[node].state != .offline && !self.model.emptied[node] {
                if self.model.limit[node][resource.rawValue] >= SearchModel.unlimited { return nil }
                limit += self.model.limit[node][resource.rawValue]
            }
            return demand > limit ? .tooLittleInTotal(resource, demand: demand, limit: limit) : nil
        }
    }

    private func obstacle(_ defect: MappingDefect, _ vms: [Int], _ state: SearchState) -> PlacementObstacle {
        PlacementObstacle(
            defect: defect,
            refusals: vms.prefix(PlacementObstacle.refusalsMax).map { vm in
                VMRefusal(vm: self.model.vms[vm].id, reason: self.reason(vm, state))
            })
    }

    private func reason(_ vm: Int, _ state: SearchState) -> RefusalReason {
        if let immovability = self.model.immovability[vm] { return .immovable(immovability) }
        let candidates = self.model.domain(of: vm).filter { $0 != state.hosts[vm] }
        var conflict: RefusalReason?
        var nearest: (node: Int, permille: Int)?
        for node in candidates {
            let permille = self.model.excessPermille(node, load: state.loads[node] &+ self.model.demand[vm])
            guard permille == 0 else {
                if nearest.map({ permille < $0.permille }) ?? true { nearest = (node, permille) }
                continue
            }
            guard let constraint = self.constraintBroken(byMoving: vm, to: node, state) else {
                return .wouldFit(on: self.model.nodes[node].id)
            }
            conflict = conflict ?? .constraintElsewhere(constraint, on: self.model.nodes[node].id)
        }
        if let conflict { return conflict }
        guard let nearest else { return .immovable(.nowhereAllowed) }
        let missing = state.loads[nearest.node] &+ self.model.demand[vm] &- self.model.limit[nearest.node]
        let resource = Resource.allCases.first { missing[$0.rawValue] > 0 } ?? .cpu
        return .noRoom(
            nodes: candidates.count, nearest: self.model.nodes[nearest.node].id, missing: missing[resource.rawValue],
            of: resource)
    }

    private func constraintBroken(byMoving vm: Int, to node: Int, _ state: SearchState) -> String? {
        guard state.groupBreachChange(moving: vm, to: node) > 0 else { return nil }
        var moved = state.counts
        moved.move(vm, from: state.hosts[vm], to: node)
        return self.model.book.rules.indices.first { rule in
            self.model.book.rules[rule].isHard && moved.breaches[rule] > state.counts.breaches[rule]
        }.map { self.model.book.details[$0].constraint }
    }
}
