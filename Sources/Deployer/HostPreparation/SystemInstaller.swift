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

    /// Returns when nothing works any more that an earlier call for the deployment left behind, as a run does that is
    /// stopped or killed: it would install hosts that meanwhile have guests, or are somebody else's. What of it only waits
    /// for its turn gives up.
    ///
    /// - Throws: when nobody can say that.
    func settle(_ deployment: String) async throws(InstallationFailure)
}

/// Why no host of a call got its operating system, or earlier calls are not known to be over.
package enum InstallationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What installs could not be asked, or did not answer.
    case unreachable(HostShellFailure)
    /// It was asked, and told of no host; the words are its own, shortened to what a person reads.
    case refused(words: String)
    /// Nobody can say whether an earlier run's installation still goes on; nothing was asked for.
    case unsettled(words: String)
    /// A newer run waited as well, and has the turn.
    case overtaken
    /// The calling task was cancelled.
    case cancelled

    /// Whether the same call may succeed a little later.
    package var canRetryHelp: Bool {
        switch self {
        case .unreachable(let failure): failure.canRetryHelp
        case .refused, .unsettled: true
        case .overtaken, .cancelled: false
        }
    }

    package var description: String {
        switch self {
        case .unreachable(let failure):
            "Kadeploy could not be asked: \(failure). Apply again: hosts that have their system keep it"
        case .refused(let words):
            "Kadeploy installed nothing: \(words); put preparation in the fleet's file right, or apply again later"
        case .unsettled(let words):
            "it is not known whether Kadeploy's client of an earlier run still works: \(words). All hosts stay as they "
                + "are; run the same command again later"
        case .overtaken:
            "a newer run of this deployment has Kadeploy's turn; see that it is deployed from one place only, and run "
                + "the same command again"
        case .cancelled:
            "stopped while hosts got their system; apply again to go on"
        }
    }
}
