package import Settings

/// Where a deployment gets its hosts from.
package protocol Booking: Sendable {
    /// Books as many hosts as are asked for, or none.
    ///
    /// - Returns: what is booked; it may not be usable before ``start(of:)``.
    func book(_ request: BookingRequest) async throws(BookingFailure) -> [HostRecord]

    /// Returns when the deployment may use its hosts.
    func start(of deployment: String) async throws(BookingFailure)
}

package struct BookingRequest: Hashable, Sendable {
    package var deployment: String
    /// At least 1.
    package var count: Int
    package var role: HostRecord.Role
    /// Those that may be booked, in the order of preference.
    package var candidates: [FleetHost]
    package var walltime: Duration
}

package enum BookingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// - Parameter others: who has the hosts that are not free, and until when, sorted.
    case notEnough(asked: Int, free: Int, others: [String])
    case store(StoreError)

    package var description: String {
        switch self {
        case .notEnough(let asked, let free, let others):
            "\(asked) more hosts are needed and \(free) are free"
                + (others.isEmpty ? "" : " (\(others.joined(separator: "; ")))")
                + "; destroy a deployment that is no longer used, list more hosts, or ask for fewer"
        case .store(let error):
            error.description
        }
    }
}
