package import Basis
import Settings

/// Books hosts of a list: who comes first among the deployments of one state folder has them until they are released.
///
/// A lease that has run out still stands, because its deployment may still be on the host; the failure says so.
package struct InventoryBooking: Booking {
    private let store: any DeploymentStore
    private let time: any TimeSource

    /// How many of the hosts that others have are named in a failure.
    private static let namedMax = 8

    package init(store: any DeploymentStore, time: any TimeSource) {
        self.store = store
        self.time = time
    }

    /// A list has no calendar: what is booked may be used at once.
    package func open(
        _ request: HostsRequest, told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> HostsOffer {
        HostsOffer(
            hosts: request.inventory,
            untilMilliseconds: self.time.wallClockMilliseconds + UInt64(clamping: request.walltime.inMilliseconds))
    }

    package func book(_ request: BookingRequest) async throws(BookingFailure) -> [HostRecord] {
        let shortage: BookingFailure
        do {
            let booked = try await self.store.book(
                request.count, of: request.offer.hosts, for: request.deployment, role: request.role,
                untilMilliseconds: request.offer.untilMilliseconds)
            if booked.count == request.count { return booked }
            shortage = try await self.shortage(request, self.time.wallClockMilliseconds)
        } catch {
            throw .store(error)
        }
        throw shortage
    }

    private func shortage(_ request: BookingRequest, _ now: UInt64) async throws(StoreError) -> BookingFailure {
        let leases = try await self.store.leases()
        let candidates = request.offer.hosts
        let taken = candidates.compactMap { host in leases[host.id].map { (host.id, $0) } }
        let others = taken.filter { $0.1.deployment != request.deployment }.prefix(Self.namedMax).map { id, lease in
            "\(id) belongs to \(lease.deployment)"
                + (lease.untilMilliseconds < now
                    ? ", whose time is over" : " for \((lease.untilMilliseconds - now) / 60_000) more min")
        }
        return .notEnough(asked: request.count, free: candidates.count - taken.count, others: others)
    }

    /// Nobody takes the hosts of a list back.
    package func isOver(_ deployment: String) async throws(BookingFailure) -> Bool { false }

    /// Each lease ends with its host's record.
    package func release(
        _ deployment: String, told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) {}
}
