import ArgumentParser
import Foundation
import Simulation

/// Runs rings under faults, one for each seed, and judges every invariant of the protocol.
@main
struct FaultCampaignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault-campaign",
        abstract: "Runs rings of agents under faults in virtual time and judges the invariants P1-P13.",
        discussion:
            "Exit code 0 when all hold in all seeds, 1 when one does not, 2 when --only names no part of a seed.")

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "How many seeds, one after the other.")
    var count: UInt64 = 1_000

    @Option(help: "The nodes of a ring, 3 to 1000: a number, or a range such as 16-64 to draw from.")
    var nodes = NodeRange(16...16)

    @Option(help: "For how many seconds things go wrong, 1 to 86400; 150 calm ones follow.")
    var seconds = Int(Workload.spell / .seconds(1))

    @Option(help: "Of what a seed lets happen, the parts with these numbers only, as a campaign prints them: 0,4,17.")
    var only: PartNumbers?

    @Flag(help: "Stop at the first seed in which an invariant does not hold.")
    var stopAtFirst = false

    @Flag(inversion: .prefixedNo, help: "Look for a small part of a seed that still breaks the invariant.")
    var shrink = true

    @Flag(help: "Print what the agents of each seed told.")
    var story = false

    /// How long it is from one report of progress to the next.
    private static let progressInterval = Duration.seconds(60)

    func validate() throws {
        guard self.count > 0, self.first.addingReportingOverflow(self.count).overflow == false else {
            throw ValidationError("--count is a number of seeds from 1")
        }
        guard 3 <= self.nodes.bounds.lowerBound, self.nodes.bounds.upperBound <= 1_000 else {
            throw ValidationError("--nodes is 3 to 1000")
        }
        guard (1...86_400).contains(self.seconds) else { throw ValidationError("--seconds is 1 to 86400") }
    }

    private var campaign: FaultCampaign {
        var campaign = FaultCampaign(nodes: self.nodes.bounds, faultTime: .seconds(self.seconds))
        campaign.only = self.only.map { Set($0.numbers) }
        return campaign
    }

    func run() async throws {
        do {
            try await self.judge(self.campaign)
        } catch let refusal as FaultCampaign.NoSuchPart {
            FileHandle.standardError.write(Data("fault-campaign: --only: \(refusal)\n".utf8))
            throw ExitCode(2)
        }
    }

    private func judge(_ campaign: FaultCampaign) async throws {
        let began = ContinuousClock.now
        var tally = FaultTally()
        var hash: UInt64 = 0
        var done = 0
        var toldAt = began
        var broken: [FaultCampaign.Report] = []
        for try await outcome in campaign.outcomes(of: Array(self.first..<self.first + self.count)) {
            let report = outcome.value
            done += 1
            tally = tally + report.tally
            // Of all seeds in whatever order they end.
            hash &+= outcome.report.traceHash
            if self.story { print(report.story.joined(separator: "\n")) }
            if !report.violations.isEmpty {
                broken.append(report)
                self.tell(report.violations)
                if self.stopAtFirst { break }
            }
            if toldAt.duration(to: .now) >= Self.progressInterval {
                toldAt = .now
                print("\(done) seeds, \(self.rate(of: done, since: began))")
                // A campaign of hours that is redirected to a file shows how far it is.
                fflush(nil)
            }
        }
        print("\(done) seeds × \(self.nodes) nodes, \(self.rate(of: done, since: began))")
        print("traces \(String(hash, radix: 16))")
        print(tally)
        if let first = broken.min(by: { $0.seed < $1.seed }) { try await self.explain(first, campaign) }
        print(broken.isEmpty ? "P1-P13 hold in all seeds" : "\(broken.count) seeds break an invariant")
        if !broken.isEmpty { throw ExitCode(1) }
    }

    private func tell(_ violations: [InvariantViolation]) {
        guard let first = violations.first else { return }
        print(first)
        for violation in violations.dropFirst() { print("    then: \(violation.summary)") }
    }

    /// Tells how to see it again, and what of it is enough.
    private func explain(_ report: FaultCampaign.Report, _ campaign: FaultCampaign) async throws {
        print("again: \(self.command(for: report.seed, only: self.only))")
        guard self.shrink, let breach = report.violations.first?.breach else { return }
        var shrinker = FaultShrinker { parts in
            try await Self.run(campaign, report.seed, only: parts).violations.contains {
                $0.breach.invariant == breach.invariant
            }
        }
        let parts = try await shrinker.shrink(self.only?.numbers ?? Array(report.parts.indices))
        print("enough: \(parts.count) of \(report.parts.count) parts")
        for part in parts { print("    \(part): \(report.parts[part])") }
        self.tell(try await Self.run(campaign, report.seed, only: parts).violations)
        print("again: \(self.command(for: report.seed, only: PartNumbers(parts)))")
    }

    private static func run(
        _ campaign: FaultCampaign, _ seed: UInt64, only parts: [Int]
    ) async throws -> FaultCampaign.Report {
        var campaign = campaign
        campaign.only = Set(parts)
        return try await campaign.run(seed: seed).value
    }

    private func command(for seed: UInt64, only: PartNumbers?) -> String {
        "fault-campaign --first \(seed) --count 1 --nodes \(self.nodes) --seconds \(self.seconds)"
            + (only.map { " --only \($0)" } ?? "")
    }

    private func rate(of seeds: Int, since began: ContinuousClock.Instant) -> String {
        let passed = began.duration(to: .now)
        let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        return String(format: "%.1f s, %.2f seeds/s", seconds, Double(seeds) / seconds)
    }
}

/// A number of nodes, or a range to draw one from.
struct NodeRange: ExpressibleByArgument, CustomStringConvertible {
    var bounds: ClosedRange<Int>

    init(_ bounds: ClosedRange<Int>) {
        self.bounds = bounds
    }

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last
        else { return nil }
        self.bounds = first...last
    }

    var description: String {
        self.bounds.count == 1
            ? "\(self.bounds.lowerBound)" : "\(self.bounds.lowerBound)-\(self.bounds.upperBound)"
    }

    var defaultValueDescription: String { self.description }
}

/// Numbers with commas between them.
struct PartNumbers: ExpressibleByArgument, CustomStringConvertible {
    var numbers: [Int]

    init(_ numbers: [Int]) {
        self.numbers = numbers
    }

    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else { return nil }
        self.numbers = numbers.compactMap(\.self)
    }

    var description: String { self.numbers.map(String.init).joined(separator: ",") }
}
