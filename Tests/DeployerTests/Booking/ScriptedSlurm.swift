import Basis
import Deployer

/// A Slurm of one partition that understands what the deployer says to it, behind the port of the frontend.
actor ScriptedSlurm: HostShell {
    struct Job: Hashable, Sendable {
        var number: Int
        var name: String
        var nodes: Int
        /// When it starts, unless it is held.
        var startsAt: MonotonicInstant
        var isHeld = false
        /// From when on it is shown.
        var shownAt: MonotonicInstant
        /// Its end, in Slurm's words; nil: it has not ended.
        var ended: String?
    }

    nonisolated let time: any TimeSource
    private(set) var jobs: [Job] = []
    private(set) var looks = 0
    /// How long a job waits.
    private let wait: Duration
    /// How long a submission takes; one that is left alone comes about at the end of that all the same.
    private let submissionTakes: Duration
    /// What the next commands meet with instead of an answer, the first one first.
    private var failures: [HostShellFailure] = []
    /// Whether a submission is carried out although its answer is lost.
    private var losesAnswers = false
    private var isHolding = false

    init(wait: Duration = .zero, submissionTakes: Duration = .zero, time: any TimeSource) {
        self.wait = wait
        self.submissionTakes = submissionTakes
        self.time = time
    }

    var live: [Job] { self.jobs.filter { $0.ended == nil } }

    func fail(with failures: [HostShellFailure]) { self.failures = failures }

    func loseAnswers(_ losesAnswers: Bool) { self.losesAnswers = losesAnswers }

    /// Jobs submitted from here on wait for ever.
    func hold(_ isHolding: Bool) { self.isHolding = isHolding }

    func end(_ number: Int, _ words: String) {
        for index in self.jobs.indices where self.jobs[index].number == number { self.jobs[index].ended = words }
    }

    /// A job that somebody else submitted under this name.
    func add(_ name: String, after delay: Duration = .zero) -> Int {
        let job = Job(
            number: self.jobs.count + 1, name: name, nodes: 3, startsAt: self.time.now + self.wait,
            isHeld: self.isHolding, shownAt: self.time.now + delay)
        self.jobs.append(job)
        return job.number
    }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        if Task.isCancelled { throw .cancelled }
        if command.script.contains("squeue") {
            self.looks += 1
            try self.failNext()
            let shown = self.jobs.filter { $0.name == command.arguments[0] && $0.shownAt <= self.time.now }
            return self.answer(shown.map(self.line).joined())
        }
        try self.failNext()
        switch command.arguments.first {
        case "sbatch":
            if command.arguments.contains("--partition=none") {
                return CommandResult(
                    ending: .exited(1), errors: Array("sbatch: error: invalid partition specified: none\n".utf8))
            }
            let name = command.arguments.first { $0.hasPrefix("--job-name=") }?.dropFirst("--job-name=".count)
            guard (try? await self.time.sleep(for: self.submissionTakes)) != nil else {
                _ = self.add(String(name ?? ""), after: self.submissionTakes)
                throw .cancelled
            }
            let number = self.add(String(name ?? ""))
            if self.losesAnswers { throw .connectionLost(host: "frontend", words: "gone") }
            return self.answer("\(number)\n")
        case "scancel":
            for number in command.arguments.dropFirst().compactMap(Int.init) { self.end(number, "CANCELLED") }
            return self.answer("")
        default:
            return CommandResult(ending: .exited(127))
        }
    }

    private func failNext() throws(HostShellFailure) {
        if !self.failures.isEmpty { throw self.failures.removeFirst() }
    }

    private func answer(_ text: String) -> CommandResult {
        CommandResult(ending: .exited(0), output: Array(text.utf8))
    }

    private func line(_ job: Job) -> String {
        if let ended = job.ended { return "\(job.number)|\(ended)|1795897250|1795897252|h[1-3]|None\n" }
        guard !job.isHeld, job.startsAt <= self.time.now else {
            return "\(job.number)|PENDING|\(job.isHeld ? "N/A" : "1795897250")|N/A||Resources\n"
        }
        return "\(job.number)|RUNNING|1795897250|4102444800|h[1-\(job.nodes)]|None\n"
    }
}
