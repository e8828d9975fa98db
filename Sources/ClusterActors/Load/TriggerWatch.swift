package import Basis

/// Which triggers of this node hold, since when, and when each may next start an ISP.
///
/// A trigger keeps its birth over all its retries, so that its rank among others never flips (PROTOCOL.md §2).
package struct TriggerWatch: Sendable {
    package struct Trigger: Hashable, Sendable {
        package let triggerClass: TriggerClass
        package let birth: UInt64
        package let since: MonotonicInstant
        /// ISPs that this trigger has started.
        package fileprivate(set) var attempts = 0
        fileprivate var notBefore: MonotonicInstant
        /// The ISP for which the last attempt made way; it must be over before the next.
        package fileprivate(set) var yieldedTo: ISPID?
        fileprivate var failures = 0
    }

    private let settings: TriggerSettings
    private var triggers: [TriggerClass: Trigger] = [:]

    package init(settings: TriggerSettings) {
        self.settings = settings
    }

    /// Says which conditions hold at this moment. A condition that begins is born at `birth`; an underload may act only
    /// after a random part of its delay, so that under-used neighbours do not all give way at once.
    package mutating func update(
        holding conditions: Set<TriggerClass>, birth: UInt64, at now: MonotonicInstant,
        using generator: inout some RandomNumberGenerator
    ) {
        for triggerClass in TriggerClass.allCases {
            guard conditions.contains(triggerClass) else {
                self.triggers[triggerClass] = nil
                continue
            }
            guard self.triggers[triggerClass] == nil else { continue }
            let delay =
                triggerClass == .underload
                ? Self.random(upTo: self.settings.underloadDelayMax, using: &generator) : .zero
            self.triggers[triggerClass] = Trigger(
                triggerClass: triggerClass, birth: birth, since: now, notBefore: now + delay)
        }
    }

    package func trigger(_ triggerClass: TriggerClass) -> Trigger? { self.triggers[triggerClass] }

    package var all: [Trigger] { TriggerClass.allCases.compactMap { self.triggers[$0] } }

    /// The most urgent trigger that may start an ISP now.
    package func due(at now: MonotonicInstant) -> Trigger? {
        self.all.first { $0.notBefore <= now && $0.yieldedTo == nil }
    }

    /// The winner that a trigger waits for, if any: ask whether it is over.
    package var waitingForWinner: [(triggerClass: TriggerClass, winner: ISPID)] {
        self.all.compactMap { trigger in trigger.yieldedTo.map { (trigger.triggerClass, $0) } }
    }

    package mutating func started(_ triggerClass: TriggerClass) {
        self.triggers[triggerClass]?.attempts += 1
    }

    /// An ISP of this trigger ended otherwise than by solving it. Starting again at once would be a livelock.
    package mutating func failed(
        _ triggerClass: TriggerClass, yieldedTo winner: ISPID?, at now: MonotonicInstant,
        using generator: inout some RandomNumberGenerator
    ) {
        guard var trigger = self.triggers[triggerClass] else { return }
        trigger.yieldedTo = winner
        let longest = min(
            self.settings.retryDelay * (1 << min(trigger.failures, 20)), self.settings.retryDelayMax)
        if winner == nil { trigger.failures += 1 }
        trigger.notBefore = now + longest / 2 + Self.random(upTo: longest / 2, using: &generator)
        self.triggers[triggerClass] = trigger
    }

    /// The winner is over, or was waited for long enough: look again after a random back-off.
    package mutating func winnerIsOver(
        _ triggerClass: TriggerClass, at now: MonotonicInstant, using generator: inout some RandomNumberGenerator
    ) {
        guard var trigger = self.triggers[triggerClass] else { return }
        trigger.yieldedTo = nil
        trigger.notBefore = now + Self.random(upTo: self.settings.retryDelay, using: &generator)
        self.triggers[triggerClass] = trigger
    }

    /// The operator asks for it now: no delay applies any more.
    package mutating func hurry(_ triggerClass: TriggerClass, at now: MonotonicInstant) {
        self.triggers[triggerClass]?.notBefore = now
        self.triggers[triggerClass]?.yieldedTo = nil
    }

    private static func random(
        upTo longest: Duration, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let nanoseconds = longest.inNanoseconds
        return nanoseconds > 0 ? .nanoseconds(Int64.random(in: 0...nanoseconds, using: &generator)) : .zero
    }
}
