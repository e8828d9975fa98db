import Basis

/// Replays a plan on a problem and tells everything that is wrong with it.
///
/// It shares no code with the solver: what it believes of a plan it has reckoned itself, by names. Plans of others can
/// be judged with it as well.
package struct PlanChecker {
    /// What a plan claims to reach.
    package enum Claim: Hashable, Sendable {
        case viable
        /// Less violation than before, and no node worse off.
        case improvement
    }

    private let problem: PlacementProblem
    private let nodes: [NodeID: Node]
    private let vms: [VMID: VirtualMachine]
    private let rules: LoadRules
    /// Nodes that host something before the plan.
    private let occupied: Set<NodeID>

    /// - Parameter problem: one without defects.
    package init(_ problem: PlacementProblem) {
        self.problem = problem
        self.nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.rules = LoadRules(problem.constraints)
        self.occupied = Set(problem.mapping.assignments.map(\.node))
    }

    /// Everything that is wrong with `plan`; empty when it may be executed and reaches what is claimed.
    package func defects(of plan: ReconfigurationPlan, claim: Claim) -> [PlanDefect] {
        var defects: [PlanDefect] = []
        var mapping = self.problem.mapping
        var memory = HeldMemory(self.problem, self.rules)
        var watch = ContinuousWatch(self.problem)
        for (index, migrations) in plan.steps.enumerated() {
            let step = index + 1
            if migrations.isEmpty { defects.append(.emptyStep(step)) }
            var moved: Set<VMID> = []
            for migration in migrations {
                if !moved.insert(migration.vm).inserted {
                    defects.append(.movedTwiceInStep(migration.vm, step: step))
                }
                defects += self.defects(of: migration, mapping, step)
            }
            let known = migrations.filter { self.vms[$0.vm] != nil && self.nodes[$0.to] != nil }
            defects += self.memoryDefects(of: known, mapping, &memory, step)
            defects += self.capDefects(of: migrations, step)
            defects += watch.breaches(during: known).map { .brokenOnTheWay($0, step: step) }
            for migration in known { mapping[migration.vm] = migration.to }
        }
        return defects + self.statementDefects(of: plan, mapping) + self.claimDefects(claim, mapping)
    }

    private func defects(of migration: Migration, _ mapping: Mapping, _ step: Int) -> [PlanDefect] {
        let vm = migration.vm
        guard let machine = self.vms[vm], let actual = mapping[vm] else { return [.unknownVM(vm, step: step)] }
        guard let from = self.nodes[migration.from] else { return [.unknownNode(migration.from, step: step)] }
        guard let to = self.nodes[migration.to] else { return [.unknownNode(migration.to, step: step)] }
        var defects: [PlanDefect] = []
        if actual != from.id { defects.append(.notAtSource(vm, stated: from.id, actual: actual, step: step)) }
        if to.id == actual { defects.append(.leadsNowhere(vm, to.id, step: step)) }
        if machine.migratability != .migratable || self.nodes[actual]?.state == .offline {
            defects.append(.immovable(vm, step: step))
        }
        if to.state != .active { defects.append(.destinationNotActive(vm, to.id, to.state, step: step)) }
        if case .evacuate(let emptied) = self.problem.policy, to.id == emptied || !self.occupied.contains(to.id) {
            defects.append(.destinationClosed(vm, to.id, step: step))
        }
        return defects
    }

    /// Everything that arrives is there before anything leaves.
    private func memoryDefects(
        of migrations: [Migration], _ mapping: Mapping, _ memory: inout HeldMemory, _ step: Int
    ) -> [PlanDefect] {
        for migration in migrations { memory.add(migration.vm, to: migration.to) }
        let entered = Set(migrations.filter { memory.demand($0.vm) > 0 }.map(\.to)).sorted()
        let defects = entered.compactMap { id -> PlanDefect? in
            guard let node = self.nodes[id] else { return nil }
            let usable = node.usable(.memory, booking: self.rules.booking(of: id)) ?? 0
            let needed = memory.held(on: id)
            return needed > usable ? .memoryExceeded(id, needed: needed, usable: usable, step: step) : nil
        }
        var here = mapping
        for migration in migrations {
            if let from = here[migration.vm] { memory.remove(migration.vm, from: from) }
            here[migration.vm] = migration.to
        }
        return defects
    }

    private func capDefects(of migrations: [Migration], _ step: Int) -> [PlanDefect] {
        var ins: [NodeID: Int] = [:]
        var outs: [NodeID: Int] = [:]
        for migration in migrations {
            ins[migration.to, default: 0] += 1
            outs[migration.from, default: 0] += 1
        }
        let caps = self.problem.flightCaps
        return ins.sorted { $0.key < $1.key }.filter { $0.value > caps.perNodeIn }.map {
            .tooManyIn($0.key, count: $0.value, cap: caps.perNodeIn, step: step)
        }
            + outs.sorted { $0.key < $1.key }.filter { $0.value > caps.perNodeOut }.map {
                .tooManyOut($0.key, count: $0.value, cap: caps.perNodeOut, step: step)
            }
    }

    private func statementDefects(of plan: ReconfigurationPlan, _ mapping: Mapping) -> [PlanDefect] {
        var cost = MigrationCost.zero
        var memoryMiB = 0
        for migration in plan.migrations {
            guard let vm = self.vms[migration.vm], let from = self.nodes[migration.from],
                let to = self.nodes[migration.to]
            else { continue }
            cost = cost + MigrationCost(of: vm, from: from, to: to, self.problem.costWeights)
            memoryMiB += vm.demand.memoryMiB
        }
        var defects: [PlanDefect] = []
        if cost != plan.cost { defects.append(.costMisstated(stated: plan.cost, actual: cost)) }
        if memoryMiB != plan.memoryMiB {
            defects.append(.memoryMisstated(stated: plan.memoryMiB, actual: memoryMiB))
        }
        let softCost = self.problem.softConstraints.isEmpty ? 0 : Viability(of: mapping, in: self.problem).softCost
        if softCost != plan.softCost {
            defects.append(.softCostMisstated(stated: plan.softCost, actual: softCost))
        }
        return defects
    }

    private func claimDefects(_ claim: Claim, _ mapping: Mapping) -> [PlanDefect] {
        let after = Viability(of: mapping, in: self.problem)
        switch claim {
        case .viable:
            return after.isViable ? [] : [.notViable(after)]
        case .improvement:
            let before = Viability(of: self.problem)
            var defects: [PlanDefect] = []
            if after.violation >= before.violation {
                defects.append(.noImprovement(before: before.violation, after: after.violation))
            }
            for overload in after.overloads {
                let same = before.overloads.first { $0.node == overload.node && $0.resource == overload.resource }
                if overload.excessPermille > same?.excessPermille ?? 0 { defects.append(.worsened(overload)) }
            }
            return defects
        }
    }
}

/// The memory that VMs hold on each node, in MiB.
private struct HeldMemory {
    private var demands: [VMID: Int] = [:]
    private var held: [NodeID: Int] = [:]

    init(_ problem: PlacementProblem, _ rules: LoadRules) {
        for vm in problem.vms {
            self.demands[vm.id] = rules.demand(of: vm).memoryMiB
            if let node = problem.mapping[vm.id] { self.add(vm.id, to: node) }
        }
    }

    func demand(_ vm: VMID) -> Int { self.demands[vm] ?? 0 }

    func held(on node: NodeID) -> Int { self.held[node] ?? 0 }

    mutating func add(_ vm: VMID, to node: NodeID) { self.held[node, default: 0] += self.demand(vm) }

    mutating func remove(_ vm: VMID, from node: NodeID) { self.held[node, default: 0] -= self.demand(vm) }
}

/// Follows the continuous constraints through the steps of a plan.
private struct ContinuousWatch {
    private let problem: PlacementProblem
    private let constraints: [any PlacementConstraint]
    /// By VM: the constraints that name it, as indices.
    private var naming: [VMID: [Int]] = [:]
    /// Constraints that any VM can break.
    private var general: [Int] = []
    private var occupancy: Occupancy?

    init(_ problem: PlacementProblem) {
        self.problem = problem
        self.constraints = problem.constraints.filter { $0.isContinuous && !$0.isPartOfLoad }
        for (index, constraint) in self.constraints.enumerated() {
            if constraint is Lonely || constraint.vms.isEmpty {
                self.general.append(index)
            } else {
                for vm in constraint.vms { self.naming[vm, default: []].append(index) }
            }
        }
        self.occupancy = self.constraints.isEmpty ? nil : Occupancy(problem.mapping, of: problem)
    }

    /// What the arrivals of one step break; they are then done.
    mutating func breaches(during migrations: [Migration]) -> [ConstraintBreach] {
        guard var occupancy = self.occupancy.take() else { return [] }
        let concerned = Set(migrations.flatMap { self.naming[$0.vm] ?? [] } + self.general).sorted()
        let before = concerned.map { self.constraints[$0].breaches(in: occupancy, of: self.problem) }
        for migration in migrations { occupancy.enter(migration.vm, migration.to) }
        let during = concerned.map { self.constraints[$0].breaches(in: occupancy, of: self.problem) }
        for migration in migrations { occupancy.settle(migration.vm, on: migration.to) }
        self.occupancy = occupancy
        return zip(before, during).flatMap { before, during -> [ConstraintBreach] in
            guard during.count > before.count else { return [] }
            let new = during.filter { !before.contains($0) }
            return new.isEmpty ? Array(during.suffix(1)) : new
        }
    }
}
