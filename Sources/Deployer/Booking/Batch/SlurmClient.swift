package import Settings

/// Slurm's `sbatch`, `squeue` and `scancel`, as of version 22.05.
package struct SlurmClient: BatchClient {
    package let system = BatchSystem.slurm
    private let settings: SlurmSettings
    private let begin: BatchStart?

    package init(_ settings: SlurmSettings, begin: BatchStart? = nil) {
        self.settings = settings
        self.begin = begin
    }

    package func submission(_ submission: BatchSubmission) -> HostCommand {
        let settings = self.settings
        var words = [
            "sbatch", "--parsable", "--job-name=\(submission.name)", "--nodes=\(submission.hosts)",
            "--time=\(submission.walltime)", "--chdir=/", "--output=/dev/null", "--error=/dev/null",
            // A job whose host fails goes on with the others, and never starts again on other hosts under its number.
            "--no-kill", "--no-requeue",
        ]
        words += settings.isExclusive ? ["--exclusive"] : []
        words += settings.partition.map { ["--partition=\($0)"] } ?? []
        words += settings.constraint.map { ["--constraint=\($0)"] } ?? []
        words += settings.account.map { ["--account=\($0)"] } ?? []
        words += self.begin.map { ["--begin=\($0.date)T\($0.time)"] } ?? []
        return .client(words + ["--wrap=exec sleep \(submission.walltimeSeconds)"])
    }

    /// `12`, or `12;cluster` where there are several.
    package func number(inSubmission output: String) throws(BatchOutputProblem) -> Int {
        for line in output.split(whereSeparator: \.isNewline) {
            if let number = Int(line.prefix { $0 != ";" }), number > 0 { return number }
        }
        throw .noJobNumber(output: output)
    }

    /// The reason comes last, because it is free text.
    private static let format = "%i|%T|%S|%e|%N|%r"

    package func inquiry(name: String) -> HostCommand {
        var command = HostCommand.client([])
        // Times as seconds since 1970: they would be local ones of the frontend otherwise.
        command.script =
            #"exec env LC_ALL=C SLURM_TIME_FORMAT=%s squeue --noheader --states=all --user="$(id -un)" --name="$1" --format="$2""#
        command.arguments = [name, Self.format]
        return command
    }

    package func jobs(inInquiry output: String) throws(BatchOutputProblem) -> [BatchJob] {
        var jobs: [BatchJob] = []
        for line in output.split(whereSeparator: \.isNewline) where !line.allSatisfy(\.isWhitespace) {
            jobs.append(try Self.job(line))
        }
        return jobs.sorted { $0.number < $1.number }
    }

    private static func job(_ line: Substring) throws(BatchOutputProblem) -> BatchJob {
        let fields = line.split(separator: "|", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, let number = Int(fields[0]), number > 0 else { throw .malformed(output: String(line)) }
        let state = try Self.state(fields[1])
        var hosts: [String] = []
        if state == .running {
            guard let set = try? NodeSet(String(fields[4])) else { throw .malformed(output: String(line)) }
            hosts = set.names
        }
        let reason = fields[5]
        return BatchJob(
            number: number, state: state,
            words: String(fields[1])
                + (reason.isEmpty || reason == "None" ? "" : ", \(ShellQuote.shown(reason))"),
            startsMilliseconds: Self.milliseconds(fields[2]),
            endsMilliseconds: state == .running ? Self.milliseconds(fields[3]) : nil, hosts: hosts)
    }

    private static func state(_ text: Substring) throws(BatchOutputProblem) -> BatchJob.State {
        switch text {
        case "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD":
            .waiting
        case "RUNNING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT":
            .running
        case "COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL",
            "DEADLINE", "OUT_OF_MEMORY", "REVOKED":
            .ended
        default:
            throw .unknownState(String(text))
        }
    }

    /// Nil for `N/A` and the like.
    private static func milliseconds(_ text: Substring) -> UInt64? {
        UInt64(text).flatMap { $0 == 0 ? nil : $0.multipliedSaturating(by: 1_000) }
    }

    package func deletion(of number: Int) -> HostCommand { .client(["scancel", "\(number)"]) }
}
