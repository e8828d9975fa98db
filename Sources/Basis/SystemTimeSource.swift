import Glibc

/// The machine's own time, for processes that run in the real world.
///
/// The monotonic side is `CLOCK_BOOTTIME`, which is also what `ContinuousClock` reads: it goes on while the machine
/// sleeps, so that a lease that ran out during a suspend has run out (PROTOCOL.md §10). It is read directly, because an
/// instant of `ContinuousClock` costs several times as much to make and to turn into nanoseconds. Its origin is the
/// first use in the process.
package struct SystemTimeSource: TimeSource {
    /// In nanoseconds since the machine was started.
    private static let origin = Self.machineNanoseconds

    /// The runtime is never asked to sleep longer than this at once, which keeps its own arithmetic far from overflow.
    private static let sleepMax = Duration.seconds(24 * 3_600)

    package init() {
        _ = Self.origin
    }

    package var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: Self.machineNanoseconds - Self.origin)
    }

    private static var machineNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
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
            let end = ContinuousClock.now.advanced(by: min(deadline - now, Self.sleepMax))
            try await Task.sleep(until: end, tolerance: .zero, clock: .continuous)
        }
    }
}
