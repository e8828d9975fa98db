import Glibc

/// The machine's own time, for processes that run in the real world.
///
/// The monotonic side is `ContinuousClock`, on Linux `CLOCK_BOOTTIME`: it goes on while the machine sleeps, so that a
/// lease that ran out during a suspend has run out (PROTOCOL.md §10). Its origin is the first use in the process.
package struct SystemTimeSource: TimeSource {
    private static let origin = ContinuousClock.now

    /// The runtime is never asked to sleep longer than this at once, which keeps its own arithmetic far from overflow.
    private static let sleepMax = Duration.seconds(24 * 3_600)

    package init() {
        _ = Self.origin
    }

    package var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: Self.origin.duration(to: .now).inNanoseconds)
    }

    package var wallClockMilliseconds: UInt64 {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0, time.tv_sec >= 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec / 1_000_000)
    }

    package func sleep(until deadline: MonotonicInstant) async throws {
        try Task.checkCancellation()
        while true {
            let now = self.now
            // Compared, not subtracted: the difference of a deadline long before the origin overflows.
            guard deadline > now else { return }
            let end = Self.origin.advanced(by: .nanoseconds((now + min(deadline - now, Self.sleepMax)).nanoseconds))
            try await Task.sleep(until: end, tolerance: .zero, clock: .continuous)
        }
    }
}
