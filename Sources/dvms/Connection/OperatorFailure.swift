package import ControlClient
import ControlProtocol

/// Why a command was not carried out: what the operator reads, and the status that a script sees.
package struct OperatorFailure: Error, Hashable, Sendable {
    package enum Status: Int32, Hashable, Sendable {
        /// The daemon refused, or what was tried failed.
        case failed = 1
        /// The command line, or a file that it names, is not right.
        case badInput = 2
        /// No daemon answers.
        case unreachable = 3
        /// Somebody else is changing the same deployment.
        case inUse = 6
        /// Ctrl-C, or a TERM signal, before the end.
        case interrupted = 130
    }

    package var status: Status
    /// One sentence or several lines, without a newline at the end.
    package var text: String

    package init(_ status: Status, _ text: String) {
        self.status = status
        self.text = text
    }

    package init(_ failure: DaemonFailure) {
        switch failure {
        case .unreachable(let words): self.init(.unreachable, words)
        case .notUnderstood(let words): self.init(.failed, words)
        case .refused(let error): self.init(error)
        }
    }

    /// What the daemon said instead of ok.
    private init(_ error: ControlError) {
        switch error.code {
        case .badRequest:
            self.init(.badInput, error.message.onOneLine)
        case .refused, .notFound, .unavailable:
            self.init(.failed, error.message.onOneLine)
        case .unsupportedVersion, .unknownVerb:
            self.init(
                .failed, "\(error.message.onOneLine); dvms and dvmsd are of different versions, see `dvms version`")
        }
    }
}
