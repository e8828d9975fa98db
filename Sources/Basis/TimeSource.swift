/// A point on one node's monotonic clock, in nanoseconds since an origin of that clock's own.
///
/// One concrete type everywhere: instants of `any Clock` cannot be compared. Instants of two nodes
/// mean nothing to each other, so none ever goes on the wire; durations do.
package struct MonotonicInstant: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The origin of the clock. Only meaningful as "before everything this clock will show".
    @inlinable package static var zero: MonotonicInstant { MonotonicInstant(nanoseconds: 0) }

    /// Later than every instant a clock will ever show: a deadline that does not pass.
    @inlinable package static var distantFuture: MonotonicInstant { MonotonicInstant(nanoseconds: .max) }

    @inlinable
    package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates at ``distantFuture`` instead of trapping, so that "now + a huge setting" stays a deadline.
    @inlinable
    package static func + (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.inNanoseconds)
        guard overflow else { return MonotonicInstant(nanoseconds: sum) }
        return duration < .zero ? MonotonicInstant(nanoseconds: .min) : .distantFuture
    }

    @inlinable
    package static func - (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
        let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(duration.inNanoseconds)
        guard overflow else { return MonotonicInstant(nanoseconds: difference) }
        return duration > .zero ? MonotonicInstant(nanoseconds: .min) : .distantFuture
    }

    /// How long after `earlier` this instant is; negative when it is before.
    @inlinable
    package static func - (later: MonotonicInstant, earlier: MonotonicInstant) -> Duration {
        .nanoseconds(later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds).partialValue)
    }
}

extension Duration {
    /// This duration in whole nanoseconds, saturated to the range of `Int64` (292 years).
    @inlinable package var inNanoseconds: Int64 {
        // Up to nine seconds, as nearly all are, in one division of 64 bits instead of two of 128.
        if let attoseconds = Int64(exactly: self.attoseconds) { return attoseconds / 1_000_000_000 }
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowOfSum) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard overflow || overflowOfSum else { return sum }
        return seconds < 0 ? .min : .max
    }

    /// This duration in whole milliseconds, rounded towards zero.
    package var inMilliseconds: Int64 { self.inNanoseconds / 1_000_000 }

    /// This duration in seconds, for people and reports; decisions use integers.
    package var inSeconds: Double { Double(self.inNanoseconds) / 1e9 }
}

/// The port through which the rest of the package sees time.
///
/// Under `dvmsd` it is the machine's clock that also counts while the machine sleeps (PROTOCOL.md §10);
/// under the simulator it is virtual. Nothing else may ask what time it is.
package protocol TimeSource: Sendable {
    /// Now, on this node's monotonic clock.
    var now: MonotonicInstant { get }

    /// Milliseconds since 1970 on the wall clock. It may jump; only ISP births and records for people use it.
    var wallClockMilliseconds: UInt64 { get }

    /// Returns no earlier than `deadline`.
    ///
    /// - Throws: `CancellationError` as soon as the current task is cancelled.
    func sleep(until deadline: MonotonicInstant) async throws

    /// Calls `ring` once, no earlier than `deadline`, on any thread, unless the alarm is cancelled before; at the very
    /// instant of the cancellation both may happen.
    ///
    /// For what waits for several things at once: an alarm costs less than a task that sleeps.
    func alarm(at deadline: MonotonicInstant, _ ring: @escaping @Sendable () -> Void) -> Alarm
}

/// A call that is to come at some time, and may be taken back.
package struct Alarm: Sendable {
    private let takeBack: @Sendable () -> Void

    /// - Parameter takeBack: called from any thread, at most once; the call may have been made by then.
    package init(takeBack: @escaping @Sendable () -> Void) {
        self.takeBack = takeBack
    }

    package func cancel() { self.takeBack() }
}

extension TimeSource {
    package func sleep(for duration: Duration) async throws {
        try await self.sleep(until: self.now + duration)
    }

    package func alarm(at deadline: MonotonicInstant, _ ring: @escaping @Sendable () -> Void) -> Alarm {
        // Unstructured, as whoever sets an alarm does something else meanwhile; the alarm's owner ends it.
        let task = Task {
            if (try? await self.sleep(until: deadline)) != nil { ring() }
        }
        return Alarm { task.cancel() }
    }
}
