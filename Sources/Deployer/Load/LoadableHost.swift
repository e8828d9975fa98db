package import Basis
package import Settings

/// One machine as a load reaches the VMs on it: the port between what decides and the guests' own agents.
///
/// A value of this type acts for one deployment on one host, and touches no other guests.
package protocol LoadableHost: Sendable {
    var id: NodeID { get }

    /// Names of the deployment's guests that are on the host, also of those that are flowing in; sorted.
    func guests(within limit: Duration) async throws(HostFailure) -> [String]

    /// Has the guest do this in place of what it did before, ``InjectedLoad/idle`` included.
    ///
    /// - Parameter task: how long; it ends by itself in the guest, whatever becomes of the host and of the caller.
    func inject(_ task: GuestTask, into guest: String, within limit: Duration) async throws(HostFailure)
        -> InjectionAnswer

    /// How long each of the deployment's guests that runs here has had processors.
    func processorTimes(within limit: Duration) async throws(HostFailure) -> ProcessorTimes

    /// What the deployment's agent on the host believes that each guest wants: millicores by name, never negative.
    ///
    /// Empty where there is no agent, or none that answers: a load does not depend on agents.
    func believedDemands(within limit: Duration) async -> [String: Int]
}

/// The hosts of a fleet, for a load.
package protocol LoadableHosts {
    func loadable(_ host: FleetHost, of deployment: String) -> any LoadableHost
}

/// A load as a guest is told.
package struct GuestTask: Hashable, Sendable {
    package var load: InjectedLoad
    /// Where the traffic goes; nil: there is none.
    package var address: IPv4Address?
    /// Rounded up to whole seconds in the guest.
    package var duration: Duration

    package init(load: InjectedLoad, address: IPv4Address? = nil, duration: Duration) {
        self.load = load
        self.address = address
        self.duration = duration
    }
}

/// What came of an injection.
package enum InjectionAnswer: Hashable, Sendable {
    case done
    /// The host has no such guest, or it does not run here: it is moving, or it is somewhere else.
    case notHere
    /// The guest runs here, and its agent did not answer.
    case silent(words: String)
    /// The guest cannot do this, in its own words.
    case refused(words: String)
}

/// How long guests had processors, and when that was looked at.
package struct ProcessorTimes: Hashable, Sendable {
    package struct Guest: Hashable, Sendable {
        package var name: String
        package var vcpus: Int
        /// Of all virtual CPUs together, since the guest began to run on this host.
        package var nanoseconds: Int64

        package init(name: String, vcpus: Int, nanoseconds: Int64) {
            self.name = name
            self.vcpus = vcpus
            self.nanoseconds = nanoseconds
        }
    }

    /// By the host's own clock that only goes forward.
    package var takenAtNanoseconds: Int64
    package var guests: [Guest]

    package init(takenAtNanoseconds: Int64, guests: [Guest]) {
        self.takenAtNanoseconds = takenAtNanoseconds
        self.guests = guests
    }
}
