/// One migration under way, as ``MigrationModel`` describes it, with bandwidth and dirty rate free to change at any
/// instant: links are shared, and demand rises.
///
/// The owner calls ``advance(by:bytesPerSecond:dirtyBytesPerSecond:)`` before each change of a rate and whenever
/// ``timeToFinish(bytesPerSecond:)`` has passed; when nothing remains it calls ``finishRound()``, or is done if the
/// guest is already suspended.
package struct MigrationRun: Hashable, Sendable {
    /// What to do when a round is over.
    package enum Step: Hashable, Sendable {
        /// Copy what was written meanwhile; the guest runs on.
        case anotherRound
        /// Suspend the guest and send the rest.
        case switchOver
    }

    package let model: MigrationModel
    /// Passes over the memory, from 1. The rest after the suspension counts as the last.
    package private(set) var round = 1
    /// Of this round, in bytes.
    package private(set) var remainingBytes: Double
    /// Written by the guest since this round began, in bytes.
    package private(set) var dirtiedBytes = 0.0
    /// Sent since the beginning, in bytes.
    package private(set) var sentBytes = 0.0
    /// Whether the guest stands still for the last part.
    package private(set) var isSuspended = false
    /// How much auto-converge slows the guest down, 0 to ``throttlePercentMax``.
    package private(set) var throttlePercent = 0

    private var roundBytes: Double
    private var roundSeconds = 0.0
    private var roundsTooDirty = 0

    /// QEMU's defaults (qapi/migration.json): `throttle-trigger-threshold` 50 %, twice in a row; `cpu-throttle-initial`
    /// 20 %; `cpu-throttle-increment` 10 %; `max-cpu-throttle` 99 %. QEMU looks once a pass, and so does this.
    package static let throttlePercentMax = 99
    private static let throttleInitialPercent = 20
    private static let throttleIncrementPercent = 10
    private static let throttleTriggerPercent = 50.0
    private static let throttleTriggerRounds = 2

    package init(_ model: MigrationModel) {
        self.model = model
        self.remainingBytes = model.memoryBytes
        self.roundBytes = model.memoryBytes
    }

    /// What would still have to be sent if the guest stopped now, in bytes.
    package var outstandingBytes: Double { self.remainingBytes + self.dirtiedBytes }

    /// How long this round still takes at this bandwidth; nil when it stands still.
    package func timeToFinish(bytesPerSecond: Double) -> Duration? {
        guard self.remainingBytes > 0 else { return .zero }
        guard bytesPerSecond > 0 else { return nil }
        return .seconds(roundedUp: self.remainingBytes / bytesPerSecond)
    }

    /// Lets time pass at these rates, both in bytes per second. The dirty rate is that of the guest unthrottled.
    package mutating func advance(by duration: Duration, bytesPerSecond: Double, dirtyBytesPerSecond: Double) {
        let seconds = max(duration, .zero).inSecondsExactly
        if bytesPerSecond > 0, self.remainingBytes > 0 {
            let possible = bytesPerSecond * seconds
            // Less than a byte left is rounding, not memory.
            let sent = possible + 1 > self.remainingBytes ? self.remainingBytes : possible
            self.remainingBytes -= sent
            self.sentBytes += sent
            self.roundSeconds += sent / bytesPerSecond
        }
        guard !self.isSuspended else { return }
        let written = max(dirtyBytesPerSecond, 0) * seconds * Double(100 - self.throttlePercent) / 100
        self.dirtiedBytes = min(self.model.workingSetBytes, self.dirtiedBytes + written)
    }

    /// Decides what follows a round of which nothing remains; the guest was running in it.
    package mutating func finishRound() -> Step {
        precondition(self.remainingBytes == 0 && !self.isSuspended, "a round ends once, when nothing remains of it")
        let bandwidth = self.roundSeconds > 0 ? self.roundBytes / self.roundSeconds : 0
        let step: Step
        if self.dirtiedBytes <= bandwidth * self.model.downtimeMax.inSecondsExactly {
            self.isSuspended = true
            step = .switchOver
        } else {
            self.throttle()
            self.round += 1
            step = .anotherRound
        }
        self.remainingBytes = self.dirtiedBytes
        self.roundBytes = self.dirtiedBytes
        self.roundSeconds = 0
        self.dirtiedBytes = 0
        return step
    }

    private mutating func throttle() {
        guard self.model.autoConverge else { return }
        guard self.dirtiedBytes * 100 > self.roundBytes * Self.throttleTriggerPercent else {
            self.roundsTooDirty = 0
            return
        }
        self.roundsTooDirty += 1
        guard self.roundsTooDirty >= Self.throttleTriggerRounds else { return }
        self.roundsTooDirty = 0
        let more = self.throttlePercent == 0 ? Self.throttleInitialPercent : Self.throttleIncrementPercent
        self.throttlePercent = min(Self.throttlePercentMax, self.throttlePercent + more)
    }
}
