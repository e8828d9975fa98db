import ArgumentParser
import Foundation
import Simulation

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a fleet in virtual time, looked after by agents, by a central scheduler or by nobody.",
        discussion: """
            The agents are those of dvmsd, on modelled hosts. docs/simulation.md tells what is measured. Exit status: 0 \
            done; 2 the command line is not right.
            """)

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case vmplaces
    }

    @Option(help: "What is simulated: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
    var preset: Preset = .vmplaces

    @Option(help: "How many nodes, 2 to 100000.")
    var nodes = 128

    @Option(help: "How many VMs on each at first, 1 to 100.")
    var vmsPerNode = 10

    @Option(
        help: ArgumentHelp("How long in virtual time: 1800s.", valueName: "duration"), transform: PlanArguments.duration
    )
    var duration: Duration = .seconds(1_800)

    @Option(
        help: "Who looks after the fleet: \(Experiment.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")).")
    var algorithm: Experiment.Algorithm = .dvms

    @Option(help: "With how many nodes an agent plans for the first time: more give it a choice of destinations.")
    var partitionMin = 2

    @Option(help: "Above how much of what its VMs may have a node acts, in percent.")
    var trigger = 100

    @Option(help: "How fast a VM writes to memory at most, in percent of the link, in whole tens; drawn for each VM.")
    var dirtyPercent = 0

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, one after the other; as many at once as there are processors.")
    var runs = 1

    @Option(help: ArgumentHelp("A folder for the results as JSON and CSV; made if need be.", valueName: "folder"))
    var out: String?

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Option(help: "How results are shown: table, or json with one on a line.")
    var format: Format = .table

    func validate() throws {
        guard (2...100_000).contains(self.nodes) else { throw ValidationError("--nodes is 2 to 100000") }
        guard (1...100).contains(self.vmsPerNode) else { throw ValidationError("--vms-per-node is 1 to 100") }
        guard (1...10_000).contains(self.runs) else { throw ValidationError("--runs is 1 to 10000") }
        guard self.dirtyPercent % 10 == 0, (0...100).contains(self.dirtyPercent) else {
            throw ValidationError("--dirty-percent is 0, 10, … 100")
        }
        guard (2...64).contains(self.partitionMin) else { throw ValidationError("--partition-min is 2 to 64") }
        guard (50...100).contains(self.trigger) else { throw ValidationError("--trigger is 50 to 100") }
        guard self.duration >= .seconds(1) else { throw ValidationError("--duration is at least 1s") }
    }

    private var experiment: Experiment {
        var shape = FleetShape(nodes: self.nodes)
        shape.vmsPerNode = self.vmsPerNode
        shape.dirtyPercentMax = self.dirtyPercent
        var experiment = Experiment(
            preset: self.preset.rawValue, shape: shape, duration: self.duration, algorithm: self.algorithm)
        experiment.partitionNodesMin = self.partitionMin
        experiment.triggerPercent = self.trigger
        return experiment
    }

    func run() async throws {
        let folder = try self.out.map { path throws(OperatorFailure) in try ResultFolder(path) }
        let progress = SimulationProgress(runs: self.runs, duration: self.duration)
        let outcomes = try await self.outcomes(progress)
        progress.end()
        for outcome in outcomes {
            try folder?.write(outcome)
            if self.format == .json { try Console.write(bytes: ResultFolder.line(outcome.result)) }
        }
        if self.format == .table { try Console.write(SimulationReport(outcomes.map(\.result)).text) }
    }

    /// Of each seed, in their order.
    private func outcomes(_ progress: SimulationProgress) async throws -> [Experiment.Outcome] {
        let experiment = self.experiment
        let seeds = (0..<UInt64(self.runs)).map { self.seed &+ $0 }
        return try await withThrowingTaskGroup(of: Experiment.Outcome.self) { group in
            // As many worlds run at once as there are processors; the others wait for their turn.
            for seed in seeds {
                group.addTask {
                    let meter = progress.meter()
                    var outcome = try await experiment.run(seed: seed) { meter.take($0) }
                    outcome.result.spent = meter.spent
                    return outcome
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.result.seed < $1.result.seed }
        }
    }
}

extension Experiment.Algorithm: ExpressibleByArgument {}
