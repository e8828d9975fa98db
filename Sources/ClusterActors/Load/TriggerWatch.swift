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
        fileprivate var isSolved = false
    }

    /// A condition that comes back within this time, and was not solved meanwhile, is the same trigger: it keeps its
    /// birth and its back-off. Else a load that goes up and down would flip ranks and start one ISP after another.
    package static let memory = Duration.seconds(60)

    private var settings: TriggerSettings
    private var triggers: [TriggerClass: Trigger] = [:]
    private var gone: [TriggerClass: (trigger: Trigger, at: MonotonicInstant)] = [:]
    /// Conditions that the operator made up and that have not been looked at yet.
    private var hurried: Set<TriggerClass> = []

    package init(settings: TriggerSettings) {
        self.settings = settings
    }

    package mutating func use(_ settings: TriggerSettings) {
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
                if let ended = self.triggers.removeValue(forKey: triggerClass), !ended.isSolved {
                    self.gone[triggerClass] = (ended, now)
                }
                continue
            }
            guard self.triggers[triggerClass] == nil else { continue }
            self.triggers[triggerClass] =
                self.back(triggerClass, at: now)
                ?? Trigger(
                    triggerClass: triggerClass, birth: birth, since: now,
                    notBefore: now + self.firstDelay(of: triggerClass, using: &generator))
            if self.hurried.remove(triggerClass) != nil { self.hurry(triggerClass, at: now) }
        }
    }

    /// The trigger that went away a short time ago, if it did.
    private mutating func back(_ triggerClass: TriggerClass, at now: MonotonicInstant) -> Trigger? {
        guard let gone = self.gone.removeValue(forKey: triggerClass), now - gone.at < Self.memory else { return nil }
        return gone.trigger
    }

    private func firstDelay(
        of triggerClass: TriggerClass, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        guard triggerClass == .underload else { return .zero }
        return Self.random(upTo: self.settings.underloadDelayMax, using: &generator)
    }

    /// Changes a trigger that holds, or one that went away a short time ago.
    private mutating func change(_ triggerClass: TriggerClass, _ edit: (inout Trigger) -> Void) {
        if var trigger = self.triggers[triggerClass] {
            edit(&trigger)
            self.triggers[triggerClass] = trigger
        } else if var gone = self.gone[triggerClass] {
            edit(&gone.trigger)
            self.gone[triggerClass] = gone
        }
    }

    package func trigger(_ triggerClass: TriggerClass) -> Trigger? { self.triggers[triggerClass] }

    package var all: [Trigger] { TriggerClass.allCases.compactMap { self.triggers[$0] } }

    /// The most urgent trigger that may start an ISP now.
    package func due(at now: MonotonicInstant) -> Trigger? {
        self.all.first { $0.notBefore <= now && $0.yieldedTo == nil }
    }

    package mutating func started(_ triggerClass: TriggerClass) {
        self.triggers[triggerClass]?.attempts += 1
    }

    /// An ISP of this trigger ended otherwise than by solving it. Starting again at once would be a livelock.
    package mutating func failed(
        _ triggerClass: TriggerClass, yieldedTo winner: ISPID?, at now: MonotonicInstant,
        using generator: inout some RandomNumberGenerator
    ) {
        let settings = self.settings
        self.change(triggerClass) { trigger in
            trigger.yieldedTo = winner
            trigger.isSolved = false
            let longest = min(settings.retryDelay * (1 << min(trigger.failures, 20)), settings.retryDelayMax)
            if winner == nil { trigger.failures += 1 }
            trigger.notBefore = now + longest / 2 + Self.random(upTo: longest / 2, using: &generator)
        }
    }

    /// An ISP of this trigger solved it: if its condition comes back, that is another trigger.
    package mutating func solved(_ triggerClass: TriggerClass) {
        self.triggers[triggerClass]?.isSolved = true
        self.gone[triggerClass] = nil
    }

    /// The winner is over, or was waited for long enough: look again after a random back-off.
    package mutating func winnerIsOver(
        _ winner: ISPID, for triggerClass: TriggerClass, at now: MonotonicInstant,
        using generator: inout some RandomNumberGenerator
    ) {
        let longest = self.settings.retryDelay
        self.change(triggerClass) { trigger in
            guard trigger.yieldedTo == winner else { return }
            trigger.yieldedTo = nil
            trigger.notBefore = now + Self.random(upTo: longest, using: &generator)
        }
    }

    /// There is a node more to ask: who waits for long because nothing could be done tries again soon.
    package mutating func lookAgain(at now: MonotonicInstant, using generator: inout some RandomNumberGenerator) {
        for trigger in self.all where trigger.triggerClass != .underload {
            let soon = now + Self.random(upTo: self.settings.retryDelay, using: &generator)
            self.change(trigger.triggerClass) { $0.notBefore = min($0.notBefore, soon) }
        }
    }

    /// The operator asks for it now: no delay applies any more, also when the condition is yet to be looked at.
    package mutating func hurry(_ triggerClass: TriggerClass, at now: MonotonicInstant) {
        guard self.triggers[triggerClass] != nil else {
            self.hurried.insert(triggerClass)
            return
        }
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
