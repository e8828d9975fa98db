import Basis
import Placement
import Testing

@Suite("Policies beyond repair")
struct PolicyTests {
    private static func drawn(_ seed: UInt64, cpuPercent: Int, policy: PlacementPolicy) -> PlacementProblem {
        var generator = ProblemGenerator(seed: seed)
        var problem = generator.hardPartition(nodes: 10, vms: 100, cpuPercent: cpuPercent)
        problem.policy = policy
        return problem
    }

    private static func plan(for problem: PlacementProblem) throws -> ReconfigurationPlan? {
        let report = try RepairSolver.solve(problem, budget: .partition, seed: 1)
        guard case .plan(let plan, _) = report.outcome else { return nil }
        #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [])
        return plan
    }

    /// The range of the nodes' CPU shares, in permille.
    private static func spread(_ problem: PlacementProblem, _ mapping: Mapping) -> Int {
        let shares = problem.nodes.map { node in
            let load = problem.vms.filter { mapping[$0.id] == node.id }.reduce(0) { $0 + $1.demand.cpuMillicores }
            return load * 1_000 / node.capacity.cpuMillicores
        }
        return (shares.max() ?? 0) - (shares.min() ?? 0)
    }

    private static func online(_ mapping: Mapping) -> Int { Set(mapping.assignments.map(\.node)).count }

    @Test("balance evens out what repair leaves uneven, constraints kept", arguments: UInt64(1)...10)
    func balance(seed: UInt64) throws {
        let problem = Self.drawn(seed, cpuPercent: 60, policy: .balance(BalanceAim()))
        let plan = try #require(try Self.plan(for: problem), "seed \(seed)")
        let (before, after) = (problem.mapping, plan.mapping(after: problem.mapping))
        #expect(Self.spread(problem, after) * 2 < Self.spread(problem, before), "seed \(seed)")
    }

    @Test("balance moves no more VMs and no more memory than it may", arguments: UInt64(1)...10)
    func balanceLimits(seed: UInt64) throws {
        let free = Self.drawn(seed, cpuPercent: 50, policy: .repair)
        guard case .alreadyViable = try RepairSolver.solve(free, budget: .partition, seed: 1).outcome else { return }
        var problem = free
        problem.policy = .balance(BalanceAim(movesMax: 5))
        if let plan = try Self.plan(for: problem) { #expect(plan.migrations.count <= 5, "seed \(seed)") }
        problem.policy = .balance(BalanceAim(memoryMiBMax: 10_000))
        if let plan = try Self.plan(for: problem) { #expect(plan.memoryMiB <= 10_000, "seed \(seed)") }
    }

    @Test("what is even stays as it is")
    func evenAlready() throws {
        let even = problem([(node("a"), [vm("x")]), (node("b"), [vm("y")])], policy: .balance(BalanceAim()))
        #expect(try solve(even) == .alreadyViable)
    }

    @Test("two VMs change places where no single move helps")
    func swap() throws {
        let uneven = problem(
            [
                (node("a", cpu: 8_000), [vm("x1", cpu: 2_000), vm("x2", cpu: 2_000)]),
                (node("b", cpu: 8_000), [vm("y1", cpu: 1_000), vm("y2", cpu: 1_000)]),
            ], policy: .balance(BalanceAim()))
        let plan = try #require(try Self.plan(for: uneven))
        #expect(plan.migrations.count == 2)
        #expect(Self.spread(uneven, plan.mapping(after: uneven.mapping)) == 0)
    }

    @Test("consolidation empties nodes and overloads none", arguments: UInt64(1)...10)
    func consolidation(seed: UInt64) throws {
        let problem = Self.drawn(seed, cpuPercent: 40, policy: .consolidate)
        let plan = try #require(try Self.plan(for: problem), "seed \(seed)")
        let after = plan.mapping(after: problem.mapping)
        #expect(Self.online(after) < Self.online(problem.mapping), "seed \(seed)")
        let hosting = Set(problem.mapping.assignments.map(\.node))
        #expect(after.assignments.allSatisfy { hosting.contains($0.node) }, "seed \(seed)")
    }

    @Test("a policy beyond repair says as much as repair where that is impossible")
    func impossible() throws {
        let placed = [(node("a", cpu: 1_000), [vm("x", cpu: 2_000)])]
        #expect(try solve(problem(placed, policy: .consolidate)) == solve(problem(placed)))
        #expect(try solve(problem(placed, policy: .balance(BalanceAim()))) == solve(problem(placed)))
    }
}
