import ArgumentParser
import Foundation
import Settings
import Simulation

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a fleet in virtual time, looked after by agents, by a central scheduler or by nobody.",
        discussion: """
            The agents are those of dvmsd, on modelled hosts. docs/simulation.md tells what is measured. Exit status: 0 \
            done; 2 the command line is not right.
            """)

    @Argument(
        help: ArgumentHelp(
            "A scenario, as docs/simulation.md tells; what the command line says goes before it.", valueName: "file"))
    var scenario: String?

    @OptionGroup var choice: ExperimentOptions

    @Option(help: ArgumentHelp("A folder for the results as JSON, CSV and HTML; made if need be.", valueName: "folder"))
    var out: String?

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Option(help: "How results are shown: table, or json with one on a line.")
    var format: Format = .table

    func run() async throws {
        let plan = try self.plan()
        let folder = try self.out.map { path throws(OperatorFailure) in try ResultFolder(path) }
        let progress = SimulationProgress(runs: plan.seeds.count, duration: plan.experiment.duration)
        let outcomes = try await Self.outcomes(plan, progress)
        progress.end()
        for outcome in outcomes {
            try folder?.write(outcome)
            if self.format == .json { try Console.write(bytes: ResultFolder.line(outcome.result)) }
        }
        if self.format == .table { try Console.write(SimulationReport(outcomes.map(\.result)).text) }
    }

    private func plan() throws -> ExperimentPlan {
        var settings = SimulationSettings()
        if let scenario = self.scenario {
            do {
                settings = try SimulationSettings.read(
                    file: scenario, words: ExperimentPlan.words, contentsOf: FileText.read)
            } catch {
                throw OperatorFailure(.badInput, "\(error)")
            }
        }
        return try ExperimentPlan(self.choice.applied(to: settings))
    }

    /// Of each seed, in their order.
    private static func outcomes(
        _ plan: ExperimentPlan, _ progress: SimulationProgress
    ) async throws -> [Experiment.Outcome] {
        return try await withThrowingTaskGroup(of: Experiment.Outcome.self) { group in
            // As many worlds run at once as there are processors; the others wait for their turn.
            for seed in plan.seeds {
                group.addTask {
                    let meter = progress.meter()
                    var outcome = try await plan.experiment.run(seed: seed) { meter.take($0) }
                    outcome.result.spent = meter.spent
                    return outcome
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.result.seed < $1.result.seed }
        }
    }
}
