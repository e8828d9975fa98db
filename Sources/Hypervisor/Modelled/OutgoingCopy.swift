import Basis
import Placement

/// A guest that is leaving a modelled host.
struct OutgoingCopy: Sendable {
    /// How far it is. Each wait for the other host ends at `until` at the latest.
    enum Phase: Hashable, Sendable {
        /// The stream is being opened, or the destination has not answered `begin`. → copying
        case connecting(until: MonotonicInstant)
        /// A round is under way, the guest runs. → roundSent
        case copying
        /// The destination has not confirmed the round; the guest runs. → copying, switchingOver
        case roundSent(until: MonotonicInstant)
        /// The guest is suspended and the rest is under way. → finalSent
        case switchingOver
        /// All is sent; the destination has not confirmed the arrival. → over
        case finalSent(until: MonotonicInstant)

        var usesLink: Bool {
            switch self {
            case .copying, .roundSent, .switchingOver: true
            case .connecting, .finalSent: false
            }
        }

        /// Whether the guest stands still for its migration.
        var suspendsGuest: Bool {
            switch self {
            case .switchingOver, .finalSent: true
            case .connecting, .copying, .roundSent: false
            }
        }
    }

    let order: MigrationOrder
    let stream: ModelledStreamID
    let startedAt: MonotonicInstant
    /// Nil once whoever asked was told that the hypervisor is unreachable; the migration goes on without.
    var call: ModelledCallID?
    var phase: Phase
    var run: MigrationRun
    var nextReport: MonotonicInstant
    /// What the destination last said its link can give, in bytes per second.
    var peerShare = 0.0
    /// What flows now, in bytes per second.
    private(set) var bytesPerSecond = 0.0
    /// What the guest writes now when it is not throttled, in bytes per second.
    var dirtyBytesPerSecond = 0.0
    /// Of ``MigrationRun/sentBytes``, what the destination has been told of.
    private var reportedBytes = 0.0

    init(
        order: MigrationOrder, stream: ModelledStreamID, call: ModelledCallID, run: MigrationRun,
        at now: MonotonicInstant
    ) {
        self.order = order
        self.stream = stream
        self.call = call
        self.startedAt = now
        self.phase = .connecting(until: now + ModelledHostSettings.peerSilenceMax)
        self.run = run
        self.nextReport = .distantFuture
    }

    /// When the time limit of the order ends it.
    var timeLimitAt: MonotonicInstant { self.startedAt + self.order.limits.timeLimit }

    /// The next instant at which something happens by itself.
    func nextDeadline(settledAt: MonotonicInstant) -> MonotonicInstant {
        let next = min(self.timeLimitAt, self.nextReport)
        switch self.phase {
        case .connecting(let until), .roundSent(let until), .finalSent(let until):
            return min(next, until)
        case .copying, .switchingOver:
            guard let left = self.run.timeToFinish(bytesPerSecond: self.bytesPerSecond) else { return next }
            return min(next, settledAt + left)
        }
    }

    mutating func advance(by duration: Duration) {
        switch self.phase {
        case .connecting: break
        case .copying, .roundSent, .switchingOver, .finalSent:
            self.run.advance(
                by: duration, bytesPerSecond: self.bytesPerSecond, dirtyBytesPerSecond: self.dirtyBytesPerSecond)
        }
    }

    /// The least of the order's cap, this host's share and the destination's share.
    mutating func setRate(ownShare: Double, stalled: Bool) {
        guard self.phase.usesLink, !stalled else {
            self.bytesPerSecond = 0
            return
        }
        let cap = self.order.limits.bandwidthMiBPerSecond
        let limit = cap > 0 ? Double(cap) * bytesPerMiB : .infinity
        self.bytesPerSecond = min(limit, ownShare, self.peerShare)
    }

    /// What was sent since this was last asked, in bytes.
    mutating func takeUnreported() -> Int {
        let bytes = min(Int((self.run.sentBytes - self.reportedBytes).rounded()), Resources.amountMax)
        self.reportedBytes += Double(bytes)
        return bytes
    }

    func progress(at now: MonotonicInstant) -> MigrationProgress {
        MigrationProgress(
            elapsed: now - self.startedAt, sentMiB: Int(self.run.sentBytes / bytesPerMiB),
            remainingMiB: Int((self.run.outstandingBytes / bytesPerMiB).rounded(.up)), round: self.run.round)
    }
}
