package import ControlProtocol

/// Why a daemon gave no answer that can be used. The texts are for whoever asked.
package enum DaemonFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody answers at the socket, or not in time.
    case unreachable(String)
    /// What came back is not what the protocol says.
    case notUnderstood(String)
    /// The daemon's own words.
    case refused(ControlError)

    static func ofAnotherRequest(_ path: String) -> Self {
        .notUnderstood("\(path): an answer to another request came back")
    }

    package var description: String {
        switch self {
        case .unreachable(let words), .notUnderstood(let words): words
        case .refused(let error): error.message
        }
    }
}
