/// Pre-copy live migration of one guest: all memory is sent, then what was written meanwhile, and so on, until the rest
/// fits into the longest tolerated pause; then the guest is suspended and the rest is sent.
///
/// Source: Hirofuchi, Pouilloux and Lebre, "Simulating live migration" (SimGrid, `VmLiveMigration.cpp`). With memory
/// M, working set W, bandwidth B, dirty rate D, pause d, and r = D/B:
///
///     round 1 sends M; round k+1 sends x(k) = min(W, D · duration of round k), that is x(1) = min(W, r·M), x(k+1) = r·x(k)
///     it ends before the first x(k) ≤ B·d, which is sent while the guest is suspended
///     data = M + x(1)·(1 − rᵏ)/(1 − r)      duration = data/B      downtime = x(k)/B
///
/// For r ≥ 1 it never ends unless W ≤ B·d. ``MigrationRun`` steps through the same rounds while B and D change.
package struct MigrationModel: Hashable, Sendable {
    /// The memory of the guest, in bytes.
    package var memoryBytes: Double
    /// The most that can be dirty at once, in bytes: memory the guest writes to at all. At most ``memoryBytes``.
    package var workingSetBytes: Double
    /// The longest pause of the guest that ends the copying.
    package var downtimeMax: Duration
    /// Slow the guest down when it writes faster than the link carries.
    package var autoConverge: Bool

    /// After so many rounds ``predict(bytesPerSecond:dirtyBytesPerSecond:)`` calls it never ending.
    package static let roundsMax = 100_000

    package init(
        memoryBytes: Double, workingSetBytes: Double, downtimeMax: Duration, autoConverge: Bool = false
    ) {
        precondition(memoryBytes > 0, "a guest has memory")
        self.memoryBytes = memoryBytes
        self.workingSetBytes = min(max(workingSetBytes, 0), memoryBytes)
        self.downtimeMax = max(downtimeMax, .zero)
        self.autoConverge = autoConverge
    }

    /// What a migration at constant bandwidth and dirty rate, without auto-converge, will take.
    ///
    /// Both rates are in bytes per second. How many rounds there are is found by multiplying, as the standard library
    /// has no logarithm; the sums are closed.
    ///
    /// - Returns: nil when it never ends.
    package func predict(bytesPerSecond: Double, dirtyBytesPerSecond: Double) -> MigrationForecast? {
        guard bytesPerSecond > 0 else { return nil }
        let ratio = max(dirtyBytesPerSecond, 0) / bytesPerSecond
        let threshold = bytesPerSecond * self.downtimeMax.inSecondsExactly
        let first = min(self.workingSetBytes, ratio * self.memoryBytes)
        var last = first
        var rounds = 1
        while last > threshold {
            guard ratio < 1, rounds < Self.roundsMax else { return nil }
            last *= ratio
            rounds += 1
        }
        // Σ x(1)…x(k−1); with ratio ≥ 1 the loop was not entered and the sum is empty.
        let resent = rounds == 1 ? 0 : (first - last) / (1 - ratio)
        let bytes = self.memoryBytes + resent + last
        return MigrationForecast(
            duration: .seconds(roundedUp: bytes / bytesPerSecond), bytes: bytes,
            downtime: .seconds(roundedUp: last / bytesPerSecond), rounds: rounds)
    }
}

/// What a migration is expected to take.
package struct MigrationForecast: Hashable, Sendable {
    /// From the first byte to the arrival of the last.
    package var duration: Duration
    /// Sent over the link in all.
    package var bytes: Double
    /// The part of ``duration`` in which the guest is suspended, without the time until somebody resumes it.
    package var downtime: Duration
    /// Passes over the memory with the guest running.
    package var rounds: Int

    package init(duration: Duration, bytes: Double, downtime: Duration, rounds: Int) {
        self.duration = duration
        self.bytes = bytes
        self.downtime = downtime
        self.rounds = rounds
    }
}

/// Bytes in a MiB.
let bytesPerMiB = 1_048_576.0

extension Duration {
    /// `seconds` rounded up to whole nanoseconds, so that what takes this long is over when it has passed; at most
    /// 30 years.
    static func seconds(roundedUp seconds: Double) -> Duration {
        .nanoseconds(Int64((min(max(seconds, 0), 1e9) * 1e9).rounded(.up)))
    }

    /// In seconds.
    var inSecondsExactly: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
