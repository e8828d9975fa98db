import ArgumentParser
import Basis
import Foundation
import Placement
import Snapshots

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Plan on a snapshot of a fleet, judge a plan, or convert a snapshot. No daemon is needed.",
        discussion: """
            docs/snapshots.md tells the formats. Exit status: 0 the fleet is viable, or the plan makes it so; 2 the \
            command line or a file is not right; 3 proven that no plan makes it viable; 4 no such plan was found, the \
            best one is shown; 5 the plan that was checked does not hold.
            """,
        subcommands: [Make.self, Check.self, Convert.self], defaultSubcommand: Make.self)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json, dot
    }

    struct Make: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "make", abstract: "Find a plan that makes a fleet viable. This is what `dvms plan` does.",
            discussion: """
                With --steps, or nothing said, the plan is the same on every machine; with --time-limit it is the best \
                that was found.
                """)

        /// What is done where nothing is said: a few seconds at most.
        private static let stepsByDefault = 10_000_000

        @OptionGroup(title: "The fleet") var source: SnapshotSource

        /// `--socket` is a fleet as well: a live daemon, or a folder with the sockets of several.
        @OptionGroup(title: "A live ring") var options: DaemonOptions

        @Option(help: "What to reach, instead of what the snapshot says: \(SnapshotPolicy.Name.listed).")
        var policy: SnapshotPolicy.Name?

        @Option(
            help: ArgumentHelp(
                "How much a part of a migration's cost counts: \(CostWeightChoice.listed). May be repeated.",
                valueName: "part=amount"),
            transform: CostWeightChoice.init)
        var weight: [CostWeightChoice] = []

        @Option(help: "How much the solver may do, in steps; \(Self.stepsByDefault) where nothing is said.")
        var steps: Int?

        @Option(
            help: ArgumentHelp("How long the solver may work: 5s, 200ms.", valueName: "duration"),
            transform: PlanArguments.duration)
        var timeLimit: Duration?

        @Option(help: "Of the solver's random choices.")
        var seed: UInt64 = 1

        @Option(help: "How the plan is shown: \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
        var format: Format = .table

        @Flag(help: "Tell of each migration why this VM, why there, and what was against other nodes.")
        var explain = false

        func validate() throws {
            if self.steps != nil, self.timeLimit != nil {
                throw ValidationError("--steps and --time-limit exclude each other")
            }
            if let steps = self.steps, steps < 1 { throw ValidationError("--steps is at least 1") }
            if self.explain, self.format != .table { throw ValidationError("--explain goes with --format table") }
        }

        func run() throws {
            var snapshot = try self.source.fleet(or: self.options)
            if let policy = self.policy { snapshot = snapshot.with(policy) }
            for choice in self.weight { choice.apply(to: &snapshot.policy.weights) }
            let problem = try BadInput.asFailure { try snapshot.problem() }
            let start = ContinuousClock.now
            let report = try BadInput.asFailure { try self.solve(problem, toward: snapshot.fillTarget) }
            let milliseconds = self.timeLimit == nil ? 0 : (ContinuousClock.now - start).wholeMilliseconds
            let document = PlanDocument(of: report.outcome, for: problem, solveMilliseconds: milliseconds)
            switch self.format {
            case .table:
                let rendering = PlanReport(
                    document, report, problem, target: snapshot.fillTarget,
                    conflict: try self.conflict(document, problem), isExplained: self.explain)
                try Console.write(rendering.text)
            case .json: try Console.write(bytes: document.bytes)
            case .dot: try Console.write(PlanGraph.dot(of: document))
            }
            let status = PlanStatus(document.status)
            if status != .viable { Console.end(status.rawValue) }
        }

        /// With more demands than this none is looked for that could be given up: each takes a solve.
        private static let demandsMax = 500

        /// What makes the problem impossible, where it is; looked for with as many steps again.
        private func conflict(_ document: PlanDocument, _ problem: PlacementProblem) throws -> ConflictingSet? {
            guard document.status == .impossible, problem.demands.count <= Self.demandsMax else { return nil }
            let budget = SolverBudget(stepsMax: self.steps ?? Self.stepsByDefault)
            return try RepairSolver.conflictingSet(of: problem, budget: budget, seed: self.seed)
        }

        private func solve(_ problem: PlacementProblem, toward target: FillTarget?) throws -> SolverReport {
            guard let target else { return try self.solve(problem) }
            let plain = try self.solve(problem, sharing: 2)
            guard case .plan = plain.outcome else { return plain }
            let toTarget = try self.solve(target.narrowed(problem), sharing: 2)
            return SolverReport(
                outcome: FillTarget.outcome(toTarget.outcome, plain: plain.outcome),
                stepsUsed: plain.stepsUsed + toTarget.stepsUsed)
        }

        /// - Parameter solves: how many solves the time limit is for.
        private func solve(_ problem: PlacementProblem, sharing solves: Int = 1) throws -> SolverReport {
            guard let limit = self.timeLimit else {
                let budget = SolverBudget(stepsMax: self.steps ?? Self.stepsByDefault)
                return try RepairSolver.solve(problem, budget: budget, seed: self.seed)
            }
            let end = ContinuousClock.now + limit / solves
            return try AnytimeSolve.best(problem, seed: self.seed, isCancelled: { ContinuousClock.now >= end })
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judge a plan, whoever made it: whether it can be executed and does what it says.")

        /// More findings than this are counted instead of shown.
        private static let findingsMax = 100

        @OptionGroup(title: "The fleet") var source: SnapshotSource

        /// `--socket` is a fleet as well: a live daemon, or a folder with the sockets of several.
        @OptionGroup(title: "A live ring") var options: DaemonOptions

        @Option(help: ArgumentHelp("The plan, as dvms-plan/1.", valueName: "file"))
        var plan: String

        func run() throws {
            let snapshot = try self.source.fleet(or: self.options)
            let verification = try BadInput.asFailure {
                let bytes = try PlanArguments.bytes(self.plan)
                return try PlanVerification(of: PlanDocument.read(bytes, named: self.plan), against: snapshot)
            }
            guard verification.findings.isEmpty else {
                var lines = verification.findings.prefix(Self.findingsMax).map(\.onOneLine)
                let more = verification.findings.count - lines.count
                if more > 0 { lines.append("and \(more) more") }
                Console.complain("dvms: \(self.plan) does not hold\n\(lines.joined(separator: "\n"))")
                Console.end(PlanStatus.doesNotHold.rawValue)
            }
            try Console.write(
                "\(self.plan) holds: violations \(verification.violationsBefore) before,"
                    + " \(verification.violationsAfter) after")
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a fleet as dvms-snapshot/1 on standard output, whatever format it comes in.")

        @OptionGroup(title: "The fleet") var source: SnapshotSource

        /// `--socket` is a fleet as well: a live daemon, or a folder with the sockets of several.
        @OptionGroup(title: "A live ring") var options: DaemonOptions

        func run() throws {
            try Console.write(bytes: try self.source.fleet(or: self.options).bytes)
        }
    }
}

extension SnapshotPolicy.Name: ExpressibleByArgument {
    static var listed: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}

/// What a script sees of a plan.
enum PlanStatus: Int32 {
    case viable = 0
    case impossible = 3
    case gaveUp = 4
    case doesNotHold = 5

    init(_ status: PlanDocument.Status) {
        switch status {
        case .optimal, .feasible: self = .viable
        case .impossible: self = .impossible
        case .gaveUp: self = .gaveUp
        }
    }
}

/// Turns what the core says of bad input into what the operator reads.
enum BadInput {
    static func asFailure<Value>(_ body: () throws -> Value) throws(OperatorFailure) -> Value {
        do {
            return try body()
        } catch let failure as OperatorFailure {
            throw failure
        } catch {
            throw OperatorFailure(.badInput, "\(error)")
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(clamping: seconds) * 1_000 + Int(clamping: attoseconds / 1_000_000_000_000_000)
    }
}
