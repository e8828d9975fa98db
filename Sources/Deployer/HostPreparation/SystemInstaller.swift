package import Basis

/// Puts an operating system on hosts that a deployment has booked, before anything else is done on them: the port of
/// what a site has for that.
///
/// What was on such a host is gone, so it is called for hosts on which nothing of the deployment was begun. Asked twice
/// for a host, it installs twice.
package protocol SystemInstaller: Sendable {
    /// Installs the system on all of the hosts, and waits until they run it.
    ///
    /// - Parameter hosts: by their ids; at least one.
    /// - Returns: the hosts that do not run it, each with the reason.
    /// - Throws: when no host got it, for a reason that is none of theirs.
    func install(
        on hosts: [NodeID], for deployment: String
    ) async throws(InstallationFailure) -> [NodeID: HostFailure]
}

/// Why no host of a call got its operating system.
package enum InstallationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What installs could not be asked, or did not answer.
    case unreachable(HostShellFailure)
    /// It was asked, and told of no host; the words are its own, shortened to what a person reads.
    case refused(words: String)
    /// The calling task was cancelled.
    case cancelled

    /// Whether the same call may succeed a little later.
    package var canRetryHelp: Bool {
        switch self {
        case .unreachable(let failure): failure.canRetryHelp
        case .refused: true
        case .cancelled: false
        }
    }

    package var description: String {
        switch self {
        case .unreachable(let failure):
            "Kadeploy could not be asked: \(failure). Apply again: hosts that have their system keep it"
        case .refused(let words):
            "Kadeploy installed nothing: \(words); put preparation in the fleet's file right, or apply again later"
        case .cancelled:
            "stopped while hosts got their system; apply again to go on"
        }
    }
}
