import ArgumentParser
import Foundation
import Simulation

/// Runs rings under faults, one for each seed, and judges every invariant of the protocol.
@main
struct FaultCampaignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault-campaign",
        abstract: "Runs rings of agents under faults in virtual time and judges the invariants P1-P11.",
        discussion: "Exit code 0 when all hold in all seeds, 1 when one does not.")

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "How many seeds, one after the other.")
    var count: UInt64 = 1_000

    @Option(help: "The nodes of each ring.")
    var nodes = 16

    @Flag(help: "Stop at the first seed in which an invariant does not hold.")
    var stopAtFirst = false

    @Flag(help: "Print what the agents of each seed told.")
    var story = false

    /// How many seeds lie between two reports of progress.
    private static let progressEvery = 100

    func validate() throws {
        guard self.count > 0, self.first.addingReportingOverflow(self.count).overflow == false else {
            throw ValidationError("--count is a number of seeds from 1")
        }
        guard (3...1_000).contains(self.nodes) else { throw ValidationError("--nodes is 3 to 1000") }
    }

    func run() async throws {
        let campaign = FaultCampaign(nodes: self.nodes)
        let began = ContinuousClock.now
        var tally = FaultTally()
        var hash: UInt64 = 0
        var (done, broken) = (0, 0)
        for try await outcome in campaign.outcomes(of: Array(self.first..<self.first + self.count)) {
            let report = outcome.value
            done += 1
            tally = tally + report.tally
            // Of all seeds in whatever order they end.
            hash &+= outcome.report.traceHash
            if self.story { print(report.story.joined(separator: "\n")) }
            if !report.violations.isEmpty {
                broken += 1
                self.tell(report.violations)
                if self.stopAtFirst { break }
            }
            if done % Self.progressEvery == 0 {
                print("\(done) seeds, \(self.rate(of: done, since: began))")
                // A campaign of hours that is redirected to a file shows how far it is.
                fflush(nil)
            }
        }
        print("\(done) seeds × \(self.nodes) nodes, \(self.rate(of: done, since: began))")
        print("traces \(String(hash, radix: 16))")
        print(tally)
        print(broken == 0 ? "P1-P11 hold in all seeds" : "\(broken) seeds break an invariant")
        if broken > 0 { throw ExitCode(1) }
    }

    private func tell(_ violations: [InvariantViolation]) {
        guard let first = violations.first else { return }
        print(first)
        for violation in violations.dropFirst() { print("    then: \(violation.summary)") }
    }

    private func rate(of seeds: Int, since began: ContinuousClock.Instant) -> String {
        let passed = began.duration(to: .now)
        let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        return String(format: "%.1f s, %.2f seeds/s", seconds, Double(seeds) / seconds)
    }
}
