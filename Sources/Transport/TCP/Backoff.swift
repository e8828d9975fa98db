package import Basis

/// When a peer that could not be reached may be dialled again.
///
/// The bound doubles with each failure; the wait is drawn evenly from its upper half ("equal jitter"), so that the
/// nodes of a ring that lost one peer do not dial it in step, and none dials at once.
package struct Backoff {
    private var failures = 0
    /// Before this instant no dial; nil when the last one succeeded.
    package private(set) var notBefore: MonotonicInstant?
    /// Why the last dial failed.
    package private(set) var reason = ""

    package init() {}

    package mutating func succeeded() {
        self.failures = 0
        self.notBefore = nil
    }

    package mutating func failed(
        _ reason: String, at now: MonotonicInstant, settings: TransportSettings,
        using random: inout some RandomNumberGenerator
    ) {
        self.failures += 1
        self.reason = reason
        let bound = Self.bound(failures: self.failures, settings: settings)
        self.notBefore = now + .nanoseconds(Int64.random(in: bound / 2...bound, using: &random))
    }

    /// The longest wait after so many failures in a row, in nanoseconds.
    package static func bound(failures: Int, settings: TransportSettings) -> Int64 {
        let (least, most) = (settings.reconnectDelayMin.inNanoseconds, settings.reconnectDelayMax.inNanoseconds)
        let doublings = min(max(failures - 1, 0), 40)
        let (product, overflow) = least.multipliedReportingOverflow(by: 1 << Int64(doublings))
        return overflow ? most : min(product, most)
    }
}
