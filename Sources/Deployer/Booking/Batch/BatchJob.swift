package import Settings

/// A job as its batch system tells of it.
package struct BatchJob: Hashable, Sendable {
    package var number: Int
    package var state: State
    /// The state as the batch system calls it, with its reason, for people.
    package var words: String
    /// When it is expected to start, or did, in milliseconds since 1970; nil: nobody says.
    package var startsMilliseconds: UInt64?
    /// When its walltime is over, in milliseconds since 1970; nil: it has not started.
    package var endsMilliseconds: UInt64?
    /// Names of its hosts, each once, in the order in which they are used; empty before it runs.
    package var hosts: [String]

    package init(
        number: Int, state: State, words: String, startsMilliseconds: UInt64? = nil, endsMilliseconds: UInt64? = nil,
        hosts: [String] = []
    ) {
        self.number = number
        self.state = state
        self.words = words
        self.startsMilliseconds = startsMilliseconds
        self.endsMilliseconds = endsMilliseconds
        self.hosts = hosts
    }

    package enum State: Hashable, Sendable {
        /// It has no hosts yet, or they are being made ready.
        case waiting
        /// The hosts are its own.
        case running
        /// The hosts are no longer its own, whatever the reason.
        case ended
    }
}

/// A job that is to be submitted.
package struct BatchSubmission: Hashable, Sendable {
    /// No two jobs have the same: by it a job is found again whose number nobody has noted.
    package var name: String
    package var hosts: Int
    /// In whole seconds.
    package var walltimeSeconds: Int64

    package init(name: String, hosts: Int, walltimeSeconds: Int64) {
        self.name = name
        self.hosts = hosts
        self.walltimeSeconds = walltimeSeconds
    }

    /// `2:00:00`.
    var walltime: String {
        let (minutes, seconds) = self.walltimeSeconds.quotientAndRemainder(dividingBy: 60)
        let padded = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        return "\(minutes / 60):\(padded(minutes % 60)):\(padded(seconds))"
    }
}

/// The clients of a batch system: what they are given, and what their answers mean. Nothing is run here.
package protocol BatchClient: Sendable {
    var system: BatchSystem { get }

    /// Submits a job that holds its hosts and does nothing.
    func submission(_ submission: BatchSubmission) -> HostCommand

    /// The job's number in what ``submission(_:)`` prints.
    func number(inSubmission output: String) throws(BatchOutputProblem) -> Int

    /// Asks for all jobs of this user with this name, also those that have ended, as far as they are remembered.
    func inquiry(name: String) -> HostCommand

    /// The jobs in what ``inquiry(name:)`` prints.
    func jobs(inInquiry output: String) throws(BatchOutputProblem) -> [BatchJob]

    /// Ends a job, or takes it out of the queue.
    func deletion(of number: Int) -> HostCommand
}

/// What in an answer cannot be read.
package enum BatchOutputProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case noJobNumber(output: String)
    /// It is not what the client prints.
    case malformed(output: String)
    /// A state that this version does not know.
    case unknownState(String)

    package var description: String {
        switch self {
        case .noJobNumber(let output):
            "there is no job number in '\(ShellQuote.shown(output))'"
        case .malformed(let output):
            "'\(ShellQuote.shown(output))' is not what its client should print"
        case .unknownState(let state):
            "a job is '\(ShellQuote.shown(state))', which is no state that is known"
        }
    }
}

extension HostCommand {
    /// How long a client may take. OAR answers an advance reservation only after its next scheduling.
    static let clientLimit = Duration.seconds(120)

    /// A client with its arguments, in English. What it takes from the environment besides are assignments.
    static func client(_ words: [String], assignments: [String] = []) -> HostCommand {
        HostCommand(
            script: #"exec env LC_ALL=C "$@""#, arguments: assignments + words, limit: Self.clientLimit)
    }
}
