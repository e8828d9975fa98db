import ArgumentParser
import Basis
import Foundation
import Glibc
import Placement
import Snapshots

/// Times the solver on snapshots: in process, warm, CPU time of the solving thread around the solver alone.
@main
struct PlacementBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement-benchmark",
        abstract: "Solves snapshots and prints one JSON object for each: what came of it, and how long it took.")

    @Option(help: "How much work one solve may do, in steps.")
    var steps = SolverBudget.partition.stepsMax

    @Option(help: "How often each is solved; the median time is told.")
    var rounds = 3

    @Option(help: "Of the random choices of the search.")
    var seed: UInt64 = 1

    @Flag(help: "Tell the migrations as well.")
    var moves = false

    @Flag(help: "Solve partitions of 2 nodes, 3 nodes and so on up to all, as an ISP does, beginning with the busiest.")
    var growth = false

    @Argument(help: "Files in the format dvms-snapshot/1.")
    var files: [String]

    func validate() throws {
        guard (1...1_000).contains(self.rounds) else { throw ValidationError("--rounds is 1 to 1000") }
    }

    func run() throws {
        for file in self.files {
            let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: file)))
            let problem = try Snapshot.read(bytes, named: file).problem()
            if self.growth {
                try self.tell(
                    Growth(of: problem, budget: SolverBudget(stepsMax: self.steps), seed: self.seed).line(file))
                continue
            }
            var times: [Double] = []
            var report = try self.solve(problem, &times)
            for _ in 1..<self.rounds { report = try self.solve(problem, &times) }
            let plan = PlanDocument(of: report.outcome, for: problem, solveMilliseconds: 0)
            try self.tell(Line(file, plan, report, times, moves: self.moves ? plan.steps.flatMap { $0 } : nil))
        }
    }

    private func tell(_ line: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(line), as: UTF8.self))
    }

    private func solve(_ problem: PlacementProblem, _ times: inout [Double]) throws -> SolverReport {
        let began = ThreadTime.seconds
        let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: self.steps), seed: self.seed)
        times.append(ThreadTime.seconds - began)
        return report
    }
}

enum ThreadTime {
    /// What this thread has computed so far.
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// What is told of one snapshot.
struct Line: Encodable {
    let file: String
    let status: String
    let violationsBefore: Int
    let violationsAfter: Int
    let migrations: Int
    let memoryMiB: Int
    let boundMemoryMiB: Int?
    let stepsUsed: Int
    /// Of the rounds, in milliseconds.
    let medianMilliseconds: Double
    /// Of the process so far, in MiB.
    let peakMiB: Int
    /// Each as VM, from and to, in their order; a VM that steps aside is there twice.
    let moves: [[String]]?

    init(
        _ file: String, _ plan: PlanDocument, _ report: SolverReport, _ times: [Double], moves: [PlannedMove]?
    ) {
        self.file = file
        self.status = plan.status.rawValue
        self.violationsBefore = plan.violationsBefore
        self.violationsAfter = plan.violationsAfter
        self.migrations = plan.migrations
        self.memoryMiB = plan.memoryMiB
        self.boundMemoryMiB = plan.boundMemoryMiB
        self.stepsUsed = report.stepsUsed
        self.medianMilliseconds = times.sorted()[times.count / 2] * 1_000
        self.peakMiB = Self.peakKiB() / 1_024
        self.moves = moves?.map { [$0.vm.name, $0.from.name, $0.to.name] }
    }

    /// What the kernel calls the high water mark. Not `getrusage`, which begins with what the process had that started
    /// this one.
    private static func peakKiB() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    enum CodingKeys: String, CodingKey {
        case file, status, moves
        case violationsBefore = "violations_before"
        case violationsAfter = "violations_after"
        case migrations
        case memoryMiB = "memory_mib"
        case boundMemoryMiB = "bound_memory_mib"
        case stepsUsed = "steps_used"
        case medianMilliseconds = "median_ms"
        case peakMiB = "peak_mib"
    }
}
