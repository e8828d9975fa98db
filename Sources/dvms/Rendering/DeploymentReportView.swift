import Basis
package import Deployer
import Foundation
import Settings

/// What came of a run, for people and for programs.
package struct DeploymentReportView {
    private let report: DeploymentReport
    private let isModelled: Bool

    /// How many failures are shown.
    private static let failuresMax = 20

    package init(_ report: DeploymentReport, isModelled: Bool) {
        self.report = report
        self.isModelled = isModelled
    }

    // MARK: - For people

    package var text: String {
        [self.heading, self.stages, self.slowest, self.failures, self.unreached, self.strays].compactMap(\.self)
            .joined(separator: "\n\n")
    }

    private var heading: String {
        let report = self.report
        let took = Figures.duration(milliseconds: report.took.inMilliseconds)
        let counts =
            report.hosts.isEmpty && report.guests.isEmpty
            ? "nothing is left"
            : "\(report.runningCount) of \(Figures.count(report.guests.count, "VM")) run on "
                + Figures.count(Set(report.guests.compactMap(\.host)).count, "host")
        return "\(report.deployment): \(counts), after \(took)"
            + (self.isModelled ? " of virtual time on modelled hosts" : "")
            + ", with \(Figures.count(report.retries, "retry", "retries"))"
    }

    private var stages: String? {
        guard !self.report.stages.isEmpty else { return nil }
        var table = TextTable(
            .left("STAGE"), .right("DONE"), .right("RETRIES"), .right("SPAN"), .right("MEAN"), .right("LONGEST"),
            .left("SLOWEST"))
        for stage in self.report.stages {
            let figures = stage.figures
            let mean = figures.count == 0 ? 0 : figures.sum.inMilliseconds / Int64(figures.count)
            table.add(
                stage.stage.rawValue, "\(figures.count)", "\(figures.retries)",
                Figures.duration(milliseconds: figures.span.inMilliseconds), Figures.duration(milliseconds: mean),
                Figures.duration(milliseconds: figures.longest.inMilliseconds), figures.slowest)
        }
        return table.text
    }

    private var slowest: String? {
        guard !self.report.slowest.isEmpty else { return nil }
        var table = TextTable(.left("SLOWEST HOSTS"), .right("UNTIL READY"))
        for host in self.report.slowest {
            table.add(host.host, Figures.duration(milliseconds: host.took.inMilliseconds))
        }
        return table.text
    }

    private var failures: String? {
        guard !self.report.failures.isEmpty else { return nil }
        var table = TextTable(.left("FAILED"), .left("WHY, AND WHAT TO DO"))
        for failure in self.report.failures.prefix(Self.failuresMax) { table.add(failure.entity, failure.why) }
        let more = self.report.failures.count - Self.failuresMax
        return table.text + (more > 0 ? "\nand \(more) more" : "")
    }

    private var unreached: String? {
        guard let first = self.report.unreached.first else { return nil }
        return
            "\(Figures.count(self.report.unreached.count, "VM")) (\(first) first) were not seen to run: mend "
            + "their hosts and apply again; or, once these are off for good, apply with --replace-lost"
    }

    private var strays: String? {
        guard let first = self.report.strays.first else { return nil }
        return "\(Figures.count(self.report.strays.count, "VM")) may run a second time on hosts that do not answer "
            + "(\(first.guest) on \(first.host) first): turn these hosts off, or apply again when they answer"
    }

    // MARK: - For programs

    package func json() throws -> String {
        let report = self.report
        return try DeploymentJSON.text(
            Answer(
                deployment: report.deployment, modelled: self.isModelled, interrupted: report.isInterrupted,
                tookMs: report.took.inMilliseconds, running: report.runningCount, retries: report.retries,
                stages: report.stages.map { stage in
                    Answer.Stage(
                        stage: stage.stage.rawValue, done: stage.figures.count, retries: stage.figures.retries,
                        spanMs: stage.figures.span.inMilliseconds, sumMs: stage.figures.sum.inMilliseconds,
                        longestMs: stage.figures.longest.inMilliseconds, slowest: stage.figures.slowest)
                },
                slowest: report.slowest.map { .init(host: $0.host, tookMs: $0.took.inMilliseconds) },
                failures: report.failures.map { .init(entity: $0.entity, why: $0.why) },
                unreached: report.unreached, agentless: report.agentless.map(\.name),
                strays: report.strays.map { .init(vm: $0.guest, host: $0.host.name) },
                hosts: report.hosts.map(DeploymentJSON.Host.init), vms: report.guests.map(DeploymentJSON.Guest.init)))
    }

    private struct Answer: Encodable {
        var deployment: String
        var modelled: Bool
        var interrupted: Bool
        var tookMs: Int64
        var running: Int
        var retries: Int
        var stages: [Stage]
        var slowest: [Slow]
        var failures: [Failure]
        var unreached: [String]
        var agentless: [String]
        var strays: [Stray]
        var hosts: [DeploymentJSON.Host]
        var vms: [DeploymentJSON.Guest]

        struct Stage: Encodable {
            var stage: String
            var done: Int
            var retries: Int
            var spanMs: Int64
            var sumMs: Int64
            var longestMs: Int64
            var slowest: String
        }

        struct Slow: Encodable {
            var host: String
            var tookMs: Int64
        }

        struct Failure: Encodable {
            var entity: String
            var why: String
        }

        struct Stray: Encodable {
            var vm: String
            var host: String
        }
    }
}

/// Parts that several answers in JSON have.
enum DeploymentJSON {
    static func text(_ answer: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(answer), as: UTF8.self)
    }

    struct Host: Encodable {
        var id: String
        var address: String
        var role: String
        var state: String
        var error: String

        init(_ record: HostRecord) {
            self.id = record.host.id.name
            self.address = record.host.address
            self.role = record.role.rawValue
            self.state = record.state.text
            self.error = record.error
        }
    }

    struct Guest: Encodable {
        var name: String
        var host: String?
        var stage: String
        var address: String
        var mac: String
        var error: String

        init(_ record: GuestRecord) {
            self.name = record.identity.name
            self.host = record.host?.name
            self.stage = record.stage.rawValue
            self.address = record.identity.address.description
            self.mac = record.identity.mac.description
            self.error = record.error
        }
    }
}
