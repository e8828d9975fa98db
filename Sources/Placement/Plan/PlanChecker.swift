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
    /// Nodes that host something before the plan.
    private let occupied: Set<NodeID>

    /// - Parameter problem: one without defects.
    package init(_ problem: PlacementProblem) {
        self.problem = problem
        self.nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.occupied = Set(problem.mapping.assignments.map(\.node))
    }

    /// Everything that is wrong with `plan`; empty when it may be executed and reaches what is claimed.
    package func defects(of plan: ReconfigurationPlan, claim: Claim) -> [PlanDefect] {
        var defects: [PlanDefect] = []
        var mapping = self.problem.mapping
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
            defects += self.memoryDefects(of: migrations, mapping, step)
            defects += self.capDefects(of: migrations, step)
            for migration in migrations where self.vms[migration.vm] != nil && self.nodes[migration.to] != nil {
                mapping[migration.vm] = migration.to
            }
        }
        return defects + self.statementDefects(of: plan) + self.claimDefects(claim, mapping)
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
        for constraint in self.problem.constraints where !constraint.admits(vm, on: to.id) {
            defects.append(.notAdmitted(vm, to.id, constraint: constraint.description, step: step))
        }
        return defects
    }

    /// Everything that arrives is there before anything leaves.
    private func memoryDefects(of migrations: [Migration], _ mapping: Mapping, _ step: Int) -> [PlanDefect] {
        var arriving: [NodeID: Int] = [:]
        for migration in migrations {
            arriving[migration.to, default: 0] += self.vms[migration.vm]?.demand.memoryMiB ?? 0
        }
        return arriving.sorted { $0.key < $1.key }.compactMap { node, memory in
            guard memory > 0, let known = self.nodes[node] else { return nil }
            let held = mapping.vms(on: node).reduce(0) { $0 + (self.vms[$1]?.demand.memoryMiB ?? 0) }
            let usable = known.capacity.memoryMiB - known.reserved.memoryMiB
            guard held + memory > usable else { return nil }
            return .memoryExceeded(node, needed: held + memory, usable: usable, step: step)
        }
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

    private func statementDefects(of plan: ReconfigurationPlan) -> [PlanDefect] {
        var cost = MigrationCost.zero
        var memoryMiB = 0
        for migration in plan.migrations {
            guard let vm = self.vms[migration.vm], let from = self.nodes[migration.from],
                let to = self.nodes[migration.to]
            else { continue }
            cost = cost + MigrationCost(of: vm, from: from, to: to)
            memoryMiB += vm.demand.memoryMiB
        }
        var defects: [PlanDefect] = []
        if cost != plan.cost { defects.append(.costMisstated(stated: plan.cost, actual: cost)) }
        if memoryMiB != plan.memoryMiB {
            defects.append(.memoryMisstated(stated: plan.memoryMiB, actual: memoryMiB))
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
