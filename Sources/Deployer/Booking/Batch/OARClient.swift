import Foundation
package import Settings

/// OAR's `oarsub`, `oarstat` and `oardel`, as of version 2.5.
package struct OARClient: BatchClient {
    package let system = BatchSystem.oar
    private let settings: OARSettings
    private let begin: BatchStart?

    package init(_ settings: OARSettings, begin: BatchStart? = nil) {
        self.settings = settings
        self.begin = begin
    }

    package func submission(_ submission: BatchSubmission) -> HostCommand {
        let settings = self.settings
        var words = [
            "oarsub", "--name=\(submission.name)",
            "--resource=\(settings.unit)=\(submission.hosts),walltime=\(submission.walltime)",
            // Home folders need not be where the job runs, and it has nothing to say.
            "--directory=/", "--stdout=/dev/null", "--stderr=/dev/null",
        ]
        words += settings.properties.map { ["--property=\($0)"] } ?? []
        words += settings.queue.map { ["--queue=\($0)"] } ?? []
        words += settings.project.map { ["--project=\($0)"] } ?? []
        words += settings.types.map { "--type=\($0)" }
        words += self.begin.map { ["--reservation=\($0.date) \($0.time)"] } ?? []
        return .client(words + ["sleep \(submission.walltimeSeconds)"])
    }

    package func number(inSubmission output: String) throws(BatchOutputProblem) -> Int {
        for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix("OAR_JOB_ID=") {
            if let number = Int(line.dropFirst("OAR_JOB_ID=".count)), number > 0 { return number }
        }
        throw .noJobNumber(output: output)
    }

    package func inquiry(name: String) -> HostCommand {
        // Without `--sql` jobs that have ended are not shown by name.
        var command = HostCommand.client([])
        command.script =
            #"exec env LC_ALL=C oarstat --full --json --sql "job_name = '$1' AND job_user = '$(id -un)'""#
        command.arguments = [name]
        return command
    }

    package func jobs(inInquiry output: String) throws(BatchOutputProblem) -> [BatchJob] {
        // When there is no job nothing is printed, not even an empty object.
        guard !output.allSatisfy(\.isWhitespace) else { return [] }
        guard let rows = try? JSONDecoder().decode([String: Row].self, from: Data(output.utf8)) else {
            throw .malformed(output: output)
        }
        var jobs: [BatchJob] = []
        for (key, row) in rows {
            guard let number = Int(key), number > 0 else { throw .malformed(output: output) }
            jobs.append(try row.job(number))
        }
        return jobs.sorted { $0.number < $1.number }
    }

    package func deletion(of number: Int) -> HostCommand { .client(["oardel", "\(number)"]) }

    /// The fields of a job that are of interest.
    private struct Row: Decodable {
        var state: String
        var startTime: Seconds?
        var scheduledStart: Seconds?
        var walltime: Seconds?
        var hosts: [String]?
        /// What happened to it, the oldest first.
        var events: [Event]?

        struct Event: Decodable {
            var description: String?
        }

        enum CodingKeys: String, CodingKey {
            case state, startTime, scheduledStart, walltime, events
            case hosts = "assigned_network_address"
        }

        func job(_ number: Int) throws(BatchOutputProblem) -> BatchJob {
            let state: BatchJob.State =
                switch self.state {
                case "Waiting", "Hold", "toAckReservation", "toLaunch", "Launching": .waiting
                case "Running", "Suspended", "Resuming": .running
                case "Finishing", "Terminated", "toError", "Error": .ended
                default: throw .unknownState(self.state)
                }
            let started = self.startTime?.milliseconds
            var words = self.state
            // The first one tells what ended it, the others what came of that.
            if state == .ended, let why = self.events?.first?.description { words += ", \(ShellQuote.shown(why))" }
            return BatchJob(
                number: number, state: state, words: words,
                startsMilliseconds: started ?? self.scheduledStart?.milliseconds,
                endsMilliseconds: started.flatMap { start in
                    self.walltime?.milliseconds.map { start.addingSaturating($0) }
                },
                hosts: state == .running ? Set(self.hosts ?? []).sorted() : [])
        }
    }

    /// Seconds since 1970, or a length; the database behind OAR decides whether they are numbers or texts.
    private struct Seconds: Decodable {
        /// Nil for 0, by which OAR says that there is none.
        var milliseconds: UInt64?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let seconds =
                if let number = try? container.decode(UInt64.self) { number } else {
                    UInt64((try? container.decode(String.self)) ?? "")
                }
            self.milliseconds = seconds.flatMap { $0 == 0 ? nil : $0.multipliedSaturating(by: 1_000) }
        }
    }
}

extension UInt64 {
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func multipliedSaturating(by factor: UInt64) -> UInt64 {
        let (product, overflow) = self.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
