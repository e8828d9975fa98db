package import Basis

/// The clock of a ``World``. It stands still while anything is ready to run.
package struct VirtualTime: TimeSource {
    let world: World

    package var now: MonotonicInstant {
        self.world.confine()
        return self.world.now
    }

    package var wallClockMilliseconds: UInt64 {
        let start = self.world.options.wallClockStartMilliseconds
        return start.addingReportingOverflow(UInt64(max(0, (self.now - .zero).inMilliseconds))).partialValue
    }

    package func sleep(until deadline: MonotonicInstant) async throws {
        try await self.sleep(until: deadline, isolation: #isolation)
    }

    /// - Parameter isolation: who sleeps; nothing here leaves it, as each change of executor costs as much as the sleep.
    private func sleep(until deadline: MonotonicInstant, isolation: isolated (any Actor)?) async throws {
        let world = self.world
        world.confine()
        // Reserved ahead, so that the cancellation handler can name the timer whenever it runs. It runs on this thread:
        // before the timer is armed, while it is, or after its end. Whoever takes the timer's action out resumes.
        let timer = world.reserveTimer()
        try await withTaskCancellationHandler {
            _ = isolation
            try await withUnsafeThrowingContinuation { (sleeper: UnsafeContinuation<Void, any Error>) in
                if Task.isCancelled {
                    world.cancelTimer(timer)
                    sleeper.resume(throwing: CancellationError())
                } else {
                    world.arm(timer, at: deadline, .wake(sleeper))
                }
            }
        } onCancel: {
            world.confine()
            if case .wake(let sleeper)? = world.cancelTimer(timer) {
                sleeper.resume(throwing: CancellationError())
            }
        }
    }

    package func alarm(at deadline: MonotonicInstant, _ ring: @escaping @Sendable () -> Void) -> Alarm {
        let world = self.world
        let timer = world.schedule(at: deadline, ring)
        return Alarm { world.cancel(timer) }
    }
}

/// A node's own clock: it runs a little fast or slow, started elsewhere, and its wall clock is set wrong.
package struct SkewedTime: TimeSource {
    package let base: VirtualTime
    /// What this clock shows when the world begins.
    package let start: MonotonicInstant
    /// How much faster than the world's this clock runs, in millionths. -999,999…1,000,000.
    package let driftPerMillion: Int
    /// How far the wall clock is ahead, in milliseconds.
    package let wallClockAheadMilliseconds: Int64

    private static let million: Int128 = 1_000_000

    package init(
        _ base: VirtualTime, start: MonotonicInstant = .zero, driftPerMillion: Int = 0,
        wallClockAheadMilliseconds: Int64 = 0
    ) {
        precondition((-999_999...1_000_000).contains(driftPerMillion), "a clock runs forwards, at most twice as fast")
        self.base = base
        self.start = start
        self.driftPerMillion = driftPerMillion
        self.wallClockAheadMilliseconds = wallClockAheadMilliseconds
    }

    package var now: MonotonicInstant { self.instant(atBase: self.base.now) }

    package var wallClockMilliseconds: UInt64 {
        let real = Int128(self.base.options.wallClockStartMilliseconds)
        let elapsed = Int128((self.now - self.start).inMilliseconds)
        return UInt64(clamping: real + elapsed + Int128(self.wallClockAheadMilliseconds))
    }

    package func sleep(until deadline: MonotonicInstant) async throws {
        try await self.base.sleep(until: self.baseInstant(of: deadline))
    }

    package func alarm(at deadline: MonotonicInstant, _ ring: @escaping @Sendable () -> Void) -> Alarm {
        self.base.alarm(at: self.baseInstant(of: deadline), ring)
    }

    /// What this clock shows when the world's shows `base`.
    package func instant(atBase base: MonotonicInstant) -> MonotonicInstant {
        guard self.driftPerMillion != 0 else { return self.start + (base - .zero) }
        let elapsed = Int128(base.nanoseconds) * self.rate / Self.million
        return MonotonicInstant(nanoseconds: Int64(clamping: Int128(self.start.nanoseconds) + elapsed))
    }

    /// The first instant of the world's clock at which this one shows `instant` or more.
    package func baseInstant(of instant: MonotonicInstant) -> MonotonicInstant {
        guard instant != .distantFuture else { return .distantFuture }
        guard self.driftPerMillion != 0 else { return .zero + (instant - self.start) }
        let elapsed = (Int128(instant.nanoseconds) - Int128(self.start.nanoseconds)) * Self.million
        let (quotient, remainder) = elapsed.quotientAndRemainder(dividingBy: self.rate)
        return MonotonicInstant(nanoseconds: Int64(clamping: remainder > 0 ? quotient + 1 : quotient))
    }

    private var rate: Int128 { Self.million + Int128(self.driftPerMillion) }
}

extension VirtualTime {
    fileprivate var options: WorldOptions { self.world.options }
}
