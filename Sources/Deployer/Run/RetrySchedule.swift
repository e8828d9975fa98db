import Basis
package import Settings

/// How long is waited before a step is tried again.
package struct RetrySchedule: Hashable, Sendable {
    package let attempts: Int
    private let first: Duration
    private let longest: Duration

    package init(_ settings: RetrySettings) {
        self.attempts = settings.attempts
        self.first = settings.delay
        self.longest = settings.delayMax
    }

    /// Twice as long after each attempt, up to the longest; a random part of up to half is taken off, so that hosts
    /// that failed together do not come back together.
    ///
    /// - Parameter attempt: the one that failed, from 1.
    package func delay(after attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var whole = self.first.inNanoseconds
        let longest = self.longest.inNanoseconds
        for _ in 1..<max(1, attempt) where whole < longest { whole = min(longest, whole &* 2) }
        whole = min(whole, longest)
        return .nanoseconds(whole - Int64.random(in: 0...whole / 2, using: &generator))
    }
}
