package import Basis

/// One machine as a deployment drives it: the port between what decides and what is done on a host.
///
/// A value of this type acts for one deployment on one host. Three rules hold for every implementation, because a
/// deployment may be stopped at any instant, between a host's deed and the record of it, and goes on later:
///
/// - `perform` and every `ensure` bring about a state. Where it holds already they change nothing and succeed: asked
///   twice, there is one network, one image, one guest.
/// - What they make bears the deployment's name on the host. `undo` and every `remove` take away only what bears it, so
///   that what was there before stays; where there is nothing, they succeed.
/// - A call that fails or times out may have done its work all the same, or do it a little later.
///
/// Each call ends within the time limit that it is given, or soon after the calling task is cancelled, with
/// ``HostFailure/cancelled``.
package protocol DeployableHost: Sendable {
    /// The host's id in the inventory.
    var id: NodeID { get }

    /// What the host is and has, looked at now.
    func probe(within limit: Duration) async throws(HostFailure) -> HostFacts

    /// Brings about one thing that guests need of their host.
    func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure)

    /// Takes back what ``perform(_:within:)`` made for this deployment.
    func undo(_ step: PreparationStep, within limit: Duration) async throws(HostFailure)

    /// Makes the bridge of the deployment's network, or changes it until it is as `network` says.
    func ensure(_ network: HostNetwork, within limit: Duration) async throws(HostFailure)

    /// Answers DNS queries of guests in `network` for these names, and for no others, at the host's end of its bridge.
    /// Where guests share what the host is plugged into, nothing is done: names are given there by others.
    func serve(_ names: [GuestName], in network: HostNetwork, within limit: Duration) async throws(HostFailure)

    /// Takes away the network and what answers for names in it.
    func remove(_ network: HostNetwork, within limit: Duration) async throws(HostFailure)

    /// Has the file on the host, whole, where it is used: with the SHA-256 of `file`, if that names one. What was there of it is
    /// kept, also after a failure.
    ///
    /// - Parameter sources: other hosts that have it or get it at the same time, in the order in which they are asked. What
    ///   none of them gives comes from the deployer: one that dies, stalls or gives something wrong is passed over.
    func ensure(
        _ file: SpreadFile, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival

    /// Lets another host fetch the file here, and nothing else.
    func admit(
        _ reader: ExchangeReader, to file: SpreadFile, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant

    /// Takes back what the two before made for fetching files of this kind: no host is let in for them any more. Files stay.
    func endSpread(of kind: SpreadKind, within limit: Duration) async throws(HostFailure)

    /// Also ends its spread.
    func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure)

    /// Has dvmsd run on the host as `agent` says: one that runs otherwise is started anew. Its program is there already.
    func ensure(_ agent: AgentInstallation, within limit: Duration) async throws(HostFailure)

    /// Stops the deployment's dvmsd and takes it away with its certificate, and ends the spread of its program. Guests run on.
    func removeAgent(within limit: Duration) async throws(HostFailure)

    /// Names of the deployment's guests that are on the host, whether or not they run, and of those that are flowing in;
    /// sorted.
    func guests(within limit: Duration) async throws(HostFailure) -> [String]

    /// Defines the guest and starts it. A guest of that name and deployment that is there is started if it does not
    /// run, and never made a second time.
    ///
    /// - Throws: ``HostFailure/refused(step:words:)`` when a guest of that name is there that is not the deployment's.
    func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure)

    func state(ofGuest name: String, within limit: Duration) async throws(HostFailure) -> GuestState

    /// Whether the guest's operating system answers at its address: asked once, without waiting for it to come up.
    func isReachable(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) -> Bool

    /// Turns the guest off and on again: for one that hangs in its boot.
    func restart(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure)

    /// Stops the guest and takes away its definition and its disk.
    func removeGuest(named name: String, within limit: Duration) async throws(HostFailure)
}

/// Why a host did not do what it was asked.
package enum HostFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection, or it broke.
    case unreachable(detail: String)
    /// The host ran the step and said no; the words are its own, shortened to what a person reads.
    case refused(step: String, words: String)
    /// The step did not end in time.
    case timedOut(step: String, limit: Duration)
    /// What arrived is not what the fleet names. Both are SHA-256 in hexadecimal.
    case fileCorrupt(expected: String, found: String)
    /// The host lacks something that no repetition brings, such as memory or `/dev/kvm`.
    case lacks(what: String)
    /// The calling task was cancelled.
    case cancelled

    /// Whether the same call may succeed a little later.
    package var canRetryHelp: Bool {
        switch self {
        case .unreachable, .refused, .timedOut, .fileCorrupt: true
        case .lacks, .cancelled: false
        }
    }

    package var description: String {
        switch self {
        case .unreachable(let detail):
            "the host cannot be reached (\(detail)); check its power, its address and the ssh user"
        case .refused(let step, let words):
            "the host refused \(step): \(words)"
        case .timedOut(let step, let limit):
            "\(step) took longer than \(limit.inMilliseconds) ms; look at the host, or set a longer time-out"
        case .fileCorrupt(let expected, let found):
            "the file has SHA-256 \(found) instead of \(expected); check the file, the host's disk and the network"
        case .lacks(let what):
            "the host lacks \(what); choose another host, or mend this one"
        case .cancelled:
            "stopped before it was done; apply again to go on"
        }
    }
}
