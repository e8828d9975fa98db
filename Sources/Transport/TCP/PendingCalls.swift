package import Basis

/// The requests of this side that have no answer yet, by correlation, and when the next of them runs out.
///
/// One timer serves them all: it is armed for ``nextDeadline``, and when it fires ``expire(at:)`` looks through the
/// calls once and says when to come back. A call that is answered costs the timer nothing, so the usual case, in which
/// nearly all are answered and all have like deadlines, arms it about once per time-out, not once per call.
package struct PendingCalls<Call> {
    private var calls: [UInt64: (call: Call, deadline: MonotonicInstant)] = [:]
    /// No call runs out before this instant. Nil when no timer is needed.
    package private(set) var nextDeadline: MonotonicInstant?

    package init() {}

    package var count: Int { self.calls.count }

    /// - Returns: whether the timer must be armed anew, because this call runs out before all others.
    package mutating func insert(_ call: Call, correlation: UInt64, deadline: MonotonicInstant) -> Bool {
        self.calls[correlation] = (call, deadline)
        guard deadline != .distantFuture, deadline < self.nextDeadline ?? .distantFuture else { return false }
        self.nextDeadline = deadline
        return true
    }

    /// Nil when it was answered, expired or cancelled before, or `isConcerned` does not hold for it.
    package mutating func remove(
        _ correlation: UInt64, where isConcerned: (Call) -> Bool = { _ in true }
    ) -> (call: Call, deadline: MonotonicInstant)? {
        guard let index = self.calls.index(forKey: correlation), isConcerned(self.calls[index].value.call) else {
            return nil
        }
        return self.calls.remove(at: index).value
    }

    /// - Returns: whether the call is still pending.
    package mutating func update(_ correlation: UInt64, _ change: (inout Call) -> Void) -> Bool {
        guard let index = self.calls.index(forKey: correlation) else { return false }
        change(&self.calls.values[index].call)
        return true
    }

    /// Takes out every call whose deadline is `now` or before, in the order in which they were made.
    package mutating func expire(at now: MonotonicInstant) -> [Call] {
        var expired: [UInt64] = []
        var next = MonotonicInstant.distantFuture
        for (correlation, entry) in self.calls {
            if entry.deadline <= now {
                expired.append(correlation)
            } else {
                next = min(next, entry.deadline)
            }
        }
        self.nextDeadline = next == .distantFuture ? nil : next
        return self.take(expired)
    }

    /// Takes out every call for which `isConcerned` holds, in the order in which they were made.
    package mutating func removeAll(where isConcerned: (Call) -> Bool) -> [Call] {
        self.take(self.calls.compactMap { isConcerned($0.value.call) ? $0.key : nil })
    }

    private mutating func take(_ correlations: [UInt64]) -> [Call] {
        correlations.sorted().compactMap { self.calls.removeValue(forKey: $0)?.call }
    }
}
