import ArgumentParser
import Foundation
import Settings
import Simulation

/// Runs rings under faults, one for each seed, and judges every invariant of the protocol.
@main
struct FaultCampaignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault-campaign",
        abstract: "Runs rings of agents under faults in virtual time and judges the invariants P1-P14.",
        discussion:
            """
            Exit code 0 when all hold in all seeds, 1 when one does not, 2 when --only names no part of a seed, or a plan \
            cannot be read or written. docs/simulation.md tells what a plan says.
            """)

    @Option(help: "The first seed; 1, or the plan's, unless given.")
    var first: UInt64?

    @Option(help: "How many seeds, one after the other; 1000, or 1 with a plan, unless given.")
    var count: UInt64?

    @Option(
        help: "The nodes of a ring, 3 to 1000: a number, or a range such as 16-64 to draw from; 16, or the plan's.")
    var nodes: NodeRange?

    @Option(help: "For how many seconds things go wrong, 1 to 86400, 90 or the plan's; 150 calm ones follow.")
    var seconds: Int?

    @Option(help: ArgumentHelp("Let happen what this plan says instead of what a seed draws.", valueName: "file"))
    var plan: String?

    @Option(
        help: ArgumentHelp(
            "Write what happened as a plan: of the first seed that breaks an invariant, shrunk, or else of the first.",
            valueName: "file"))
    var writePlan: String?

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
        if let count = self.count, count == 0 { throw ValidationError("--count is a number of seeds from 1") }
        let (least, most) = (FaultPlanFile.nodesRange.lowerBound, FaultPlanFile.nodesRange.upperBound)
        if let bounds = self.nodes?.bounds, bounds.lowerBound < least || most < bounds.upperBound {
            throw ValidationError("--nodes is \(least) to \(most)")
        }
        if let seconds = self.seconds, !FaultPlanFile.faultTimeRange.contains(.seconds(seconds)) {
            throw ValidationError("--seconds is 1 to 86400")
        }
        // Told before hours are spent on what cannot be kept.
        if let folder = self.writePlan.map({ URL(fileURLWithPath: $0).deletingLastPathComponent().path }),
            !FileManager.default.isWritableFile(atPath: folder)
        {
            throw ValidationError("--write-plan: nothing can be written into \(folder)")
        }
    }

    func run() async throws {
        do {
            let written = try self.plan.map { try FaultPlanFile.read(file: $0, contentsOf: FileText.read) }
            try await self.judge(self.campaign(written), self.seeds(written))
        } catch let refusal as FaultCampaign.NoSuchPart {
            try Self.refuse("--only: \(refusal)")
        } catch let refusal as NoSuchNode {
            try Self.refuse("--plan: \(refusal)")
        } catch let problems as InvalidSettings {
            try Self.refuse("\(problems)")
        }
    }

    private static func refuse(_ reason: String) throws -> Never {
        FileHandle.standardError.write(Data("fault-campaign: \(reason)\n".utf8))
        throw ExitCode(2)
    }

    /// What the command line says goes before what the plan says.
    private func campaign(_ written: FaultPlanFile?) -> FaultCampaign {
        let time = self.seconds.map { Duration.seconds($0) } ?? written?.faultTime ?? Workload.spell
        let nodes = self.nodes?.bounds ?? written?.nodes.map { $0...$0 } ?? 16...16
        var campaign = FaultCampaign(nodes: nodes, faultTime: time)
        campaign.written = written
        campaign.only = self.only.map { Set($0.numbers) }
        return campaign
    }

    private func seeds(_ written: FaultPlanFile?) throws -> [UInt64] {
        let first = self.first ?? written?.seed ?? 1
        let (end, overflow) = first.addingReportingOverflow(self.count ?? (written == nil ? 1_000 : 1))
        guard !overflow else { try Self.refuse("--count goes beyond the last seed there is") }
        return Array(first..<end)
    }

    private func judge(_ campaign: FaultCampaign, _ seeds: [UInt64]) async throws {
        let began = ContinuousClock.now
        var tally = FaultTally()
        var hash: UInt64 = 0
        var done = 0
        var toldAt = began
        var first: FaultCampaign.Report?
        var broken: [FaultCampaign.Report] = []
        for try await outcome in campaign.outcomes(of: seeds) {
            let report = outcome.value
            done += 1
            if report.seed == seeds.first { first = report }
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
        print("\(done) seeds × \(NodeRange(campaign.nodes)) nodes, \(self.rate(of: done, since: began))")
        print("traces \(String(hash, radix: 16))")
        print(tally)
        if let worst = broken.min(by: { $0.seed < $1.seed }) {
            let parts = try await self.explain(worst, campaign)
            try self.write(campaign.file(of: worst, keeping: parts))
        } else if let first {
            try self.write(campaign.file(of: first))
        }
        print(broken.isEmpty ? "P1-P14 hold in all seeds" : "\(broken.count) seeds break an invariant")
        if !broken.isEmpty { throw ExitCode(1) }
    }

    private func tell(_ violations: [InvariantViolation]) {
        guard let first = violations.first else { return }
        print(first)
        for violation in violations.dropFirst() { print("    then: \(violation.summary)") }
    }

    private func write(_ plan: FaultPlanFile) throws {
        guard let path = self.writePlan else { return }
        let text = plan.text
        // A plan of very many parts is larger than a file may be; it is better told now than when it is needed.
        guard try FaultPlanFile.read(file: path, contentsOf: { _ in text }) == plan else {
            preconditionFailure("a plan that is read says what was written")
        }
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            try Self.refuse("\(path) cannot be written: \(error.localizedDescription)")
        }
        print("plan: \(path)")
    }

    /// Tells how to see it again, and what of it is enough.
    ///
    /// - Returns: the parts that are enough; nil when nobody looked for them.
    private func explain(_ report: FaultCampaign.Report, _ campaign: FaultCampaign) async throws -> Set<Int>? {
        print("again: \(self.command(for: report.seed, only: self.only, campaign))")
        guard self.shrink, let breach = report.violations.first?.breach else { return nil }
        var shrinker = FaultShrinker { parts in
            try await Self.run(campaign, report.seed, only: parts).violations.contains {
                $0.breach.invariant == breach.invariant
            }
        }
        let parts = try await shrinker.shrink(self.only?.numbers ?? Array(report.parts.indices))
        print("enough: \(parts.count) of \(report.parts.count) parts")
        for part in parts { print("    \(part): \(report.parts[part])") }
        self.tell(try await Self.run(campaign, report.seed, only: parts).violations)
        print("again: \(self.command(for: report.seed, only: PartNumbers(parts), campaign))")
        return Set(parts)
    }

    private static func run(
        _ campaign: FaultCampaign, _ seed: UInt64, only parts: [Int]
    ) async throws -> FaultCampaign.Report {
        var campaign = campaign
        campaign.only = Set(parts)
        return try await campaign.run(seed: seed).value
    }

    private func command(for seed: UInt64, only: PartNumbers?, _ campaign: FaultCampaign) -> String {
        var words = ["fault-campaign --first \(seed) --count 1 --nodes \(NodeRange(campaign.nodes))"]
        if let plan = self.plan { words.append("--plan \(plan)") }
        // A plan may go on for a time that is not of whole seconds; then it says so itself.
        if self.plan == nil || self.seconds != nil {
            words.append("--seconds \(campaign.faultTime.components.seconds)")
        }
        if let only { words.append("--only \(only)") }
        return words.joined(separator: " ")
    }

    private func rate(of seeds: Int, since began: ContinuousClock.Instant) -> String {
        let passed = began.duration(to: .now)
        let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        return String(format: "%.1f s, %.2f seeds/s", seconds, Double(seeds) / seconds)
    }
}
