import Basis
package import Settings

/// Where a deployment gets its hosts from.
package protocol Booking: Sendable {
    /// Returns when there are hosts that the deployment may use, and says which.
    ///
    /// What was asked for in an earlier run is not asked for again.
    ///
    /// - Parameter told: what there is to say while it waits, from any thread.
    func open(
        _ request: HostsRequest, told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> HostsOffer

    /// Books as many of the hosts as are asked for, or none.
    func book(_ request: BookingRequest) async throws(BookingFailure) -> [HostRecord]

    /// Whether whoever gave the hosts has taken all of them back, whatever is still on them.
    func isOver(_ deployment: String) async throws(BookingFailure) -> Bool

    /// Lets go of all that ``open(_:told:)`` got for the deployment, or may still get. Nothing of it is on its hosts any
    /// more.
    ///
    /// - Parameter told: as of ``open(_:told:)``.
    func release(_ deployment: String, told: @Sendable (BookingEvent) -> Void) async throws(BookingFailure)
}

/// How many hosts a deployment wants in all.
package struct HostsRequest: Hashable, Sendable {
    package var deployment: String
    /// Workers and spares.
    package var count: Int
    package var walltime: Duration
    /// What the fleet's file says of hosts, in the order of preference.
    package var inventory: [FleetHost]

    package init(deployment: String, count: Int, walltime: Duration, inventory: [FleetHost]) {
        self.deployment = deployment
        self.count = count
        self.walltime = walltime
        self.inventory = inventory
    }
}

/// Hosts that a deployment may book.
package struct HostsOffer: Hashable, Sendable {
    /// In the order of preference.
    package var hosts: [FleetHost]
    /// Until when, in milliseconds since 1970.
    package var untilMilliseconds: UInt64
}

package struct BookingRequest: Hashable, Sendable {
    package var deployment: String
    /// At least 1.
    package var count: Int
    package var role: HostRecord.Role
    package var offer: HostsOffer
}

/// What happens while hosts are awaited.
package enum BookingEvent: Hashable, Sendable {
    /// The batch system has taken the job.
    case submitted(BatchJobName)
    /// An earlier run had submitted it.
    case found(BatchJobName)
    /// - Parameters:
    ///   - words: the state, as the batch system calls it.
    ///   - startsMilliseconds: when it expects the job to start, in milliseconds since 1970; nil: it does not say.
    case waiting(BatchJobName, words: String, startsMilliseconds: UInt64?)
    case started(BatchJobName, hosts: Int)
    /// An earlier run asked for a job of this name and did not hear of it. It may still come, and is awaited for so long.
    case mayStillCome(BatchSystem, name: String, within: Duration)
}

/// A job, as people call it: `OAR job 12`.
package struct BatchJobName: Hashable, Sendable, CustomStringConvertible {
    package var system: BatchSystem
    package var number: Int

    package init(system: BatchSystem, number: Int) {
        self.system = system
        self.number = number
    }

    package var description: String { "\(self.system.title) job \(self.number)" }

    /// What ends it.
    var deletion: String {
        switch self.system {
        case .oar: "oardel \(self.number)"
        case .slurm: "scancel \(self.number)"
        }
    }
}
