import Basis
import Glibc
import Placement
import Testing

@Suite("How long solving takes", .serialized)
struct SpeedTests {
    @Test(
        "a partition is solved well under a second",
        arguments: [(2, 20), (5, 50), (10, 100), (20, 200), (64, 640)], [60, 80, 90, 97])
    func partition(size: (nodes: Int, vms: Int), cpuPercent: Int) throws {
        try Self.measure("\(size.nodes)/\(size.vms) at \(cpuPercent) %") { generator in
            generator.partition(nodes: size.nodes, vms: size.vms, cpuPercent: cpuPercent)
        }
    }

    @Test(
        "so is one with little memory, constraints and rooted VMs",
        arguments: [(2, 20), (5, 50), (10, 100), (20, 200), (64, 640)], [80, 92])
    func hardPartition(size: (nodes: Int, vms: Int), cpuPercent: Int) throws {
        try Self.measure("hard \(size.nodes)/\(size.vms) at \(cpuPercent) %") { generator in
            generator.hardPartition(nodes: size.nodes, vms: size.vms, cpuPercent: cpuPercent)
        }
    }

    /// Solves ten drawn problems, prints what it took, and has every plan checked.
    private static func measure(_ name: String, _ draw: (inout ProblemGenerator) -> PlacementProblem) throws {
        var slowest = Duration.zero
        var sum = Duration.zero
        var kinds: [String: Int] = [:]
        var steps = 0
        let seeds = UInt64(1)...10
        for seed in seeds {
            var generator = ProblemGenerator(seed: seed)
            let problem = draw(&generator)
            let start = Self.threadTime
            let report = try RepairSolver.solve(problem, budget: .partition, seed: seed)
            let took = Self.threadTime - start
            let again = try RepairSolver.solve(problem, budget: .partition, seed: seed)
            #expect(report == again, "seed \(seed)")
            slowest = max(slowest, took)
            sum += took
            steps += report.stepsUsed
            kinds[Self.kind(report.outcome), default: 0] += 1
            switch report.outcome {
            case .plan(let plan, _):
                #expect(PlanChecker(problem).defects(of: plan, claim: .viable) == [], "seed \(seed)")
            case .improved(let plan, _, _):
                #expect(PlanChecker(problem).defects(of: plan, claim: .improvement) == [], "seed \(seed)")
            case .alreadyViable, .impossible, .gaveUp: break
            case .cancelled: Issue.record("seed \(seed): nobody cancelled")
            }
        }
        let outcomes = kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        print(
            "\(name): mean \(sum.inMilliseconds / Int64(seeds.count)) ms,",
            "slowest \(slowest.inMilliseconds) ms,",
            "\(steps > 0 ? sum.inNanoseconds / Int64(steps) : 0) ns a step: \(outcomes)")
        #expect(slowest < .seconds(1))
    }

    /// What this thread has computed so far: a solve is synchronous, and how long it waited for a core is not its fault.
    private static var threadTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private static func kind(_ outcome: SolverOutcome) -> String {
        switch outcome {
        case .alreadyViable: "viable"
        case .plan(_, .proven): "optimal"
        case .plan(_, .feasible): "feasible"
        case .improved: "improved"
        case .impossible: "impossible"
        case .gaveUp: "gave up"
        case .cancelled: "cancelled"
        }
    }
}
