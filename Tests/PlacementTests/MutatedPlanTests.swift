import Basis
import Placement
import Testing

@Suite("The plan checker against an oracle that looks at every instant")
struct MutatedPlanTests {
    @Test("rejects every mutated plan that has a defect, and none that has not")
    func mutated() throws {
        var (defective, harmless, plans) = (0, 0, 0)
        var seed: UInt64 = 0
        while defective < 10_000 {
            seed += 1
            var generator = ProblemGenerator(seed: seed)
            let problem = generator.mixed()
            guard case .plan(let plan, _) = try solve(problem, seed: seed) else { continue }
            plans += 1
            let (checker, oracle) = (PlanChecker(problem), PlanOracle(problem))
            #expect(oracle.isSound(plan), "seed \(seed): the plan itself")
            for round in 0..<30 {
                var mutant = plan
                for _ in 0...round % 3 { generator.mutate(&mutant, of: problem) }
                guard Self.state(&mutant, problem, oracle) else { continue }
                let isSound = oracle.isSound(mutant)
                if isSound { harmless += 1 } else { defective += 1 }
                let defects = checker.defects(of: mutant, claim: .viable)
                #expect(defects.isEmpty == isSound, "seed \(seed), round \(round): \(mutant.steps), \(defects)")
            }
        }
        print("mutated plans: \(defective) defective, \(harmless) harmless, of \(plans) plans, seeds 1...\(seed)")
        #expect(harmless > 100)
    }

    /// Has the plan state what it costs, so that only what it does can be wrong; false when that cannot be said.
    private static func state(
        _ plan: inout ReconfigurationPlan, _ problem: PlacementProblem, _ oracle: PlanOracle
    ) -> Bool {
        guard let softCost = oracle.softCost(after: plan) else { return false }
        plan.softCost = softCost
        (plan.cost, plan.memoryMiB) = (.zero, 0)
        for migration in plan.migrations {
            guard let vm = problem.vms.first(where: { $0.id == migration.vm }),
                let from = problem.nodes.first(where: { $0.id == migration.from }),
                let to = problem.nodes.first(where: { $0.id == migration.to })
            else { return false }
            plan.cost = plan.cost + MigrationCost(of: vm, from: from, to: to, problem.costWeights)
            plan.memoryMiB += vm.demand.memoryMiB
        }
        return true
    }
}

extension ProblemGenerator {
    /// Changes one thing about a plan.
    fileprivate mutating func mutate(_ plan: inout ReconfigurationPlan, of problem: PlacementProblem) {
        guard let step = plan.steps.indices.randomElement(using: &self.random),
            let move = plan.steps[step].indices.randomElement(using: &self.random)
        else { return }
        switch Int.random(in: 0..<8, using: &self.random) {
        case 0: plan.steps[step].remove(at: move)
        case 1: plan.steps[step][move].to = self.pick(problem.nodes).id
        case 2: plan.steps[step][move].vm = self.pick(problem.vms).id
        case 3:
            let (from, to) = (plan.steps[step][move].from, plan.steps[step][move].to)
            (plan.steps[step][move].from, plan.steps[step][move].to) = (to, from)
        case 4: plan.steps.swapAt(step, Int.random(in: plan.steps.indices, using: &self.random))
        case 5:
            // Two steps at once.
            if step + 1 < plan.steps.count { plan.steps[step] += plan.steps.remove(at: step + 1) }
        case 6:
            // One step in two.
            let migration = plan.steps[step].remove(at: move)
            plan.steps.insert([migration], at: Int.random(in: 0...plan.steps.count, using: &self.random))
            plan.steps.removeAll(where: \.isEmpty)
        default:
            // A detour of another VM.
            let vm = self.pick(problem.vms).id
            guard let from = problem.mapping[vm] else { return }
            let migration = Migration(vm: vm, from: from, to: self.pick(problem.nodes).id, reason: .makesRoom(from))
            plan.steps.insert([migration], at: Int.random(in: 0...plan.steps.count, using: &self.random))
        }
    }
}
