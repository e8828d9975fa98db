package import Basis

/// The requests of this side that have no answer yet, by correlation, and when the next of them runs out.
///
/// A correlation names a slot and how many calls came before, so that a call is found without hashing, and a reply that
/// comes twice finds nobody. One timer serves all calls: it is armed for ``nextDeadline``, and when it fires
/// ``expire(at:)`` looks through the calls once and says when to come back. A call that is answered costs the timer
/// nothing, so the usual case, in which nearly all are answered and all have like deadlines, arms it about once per
/// time-out, not once per call.
package struct PendingCalls<Call> {
    /// A call with its correlation.
    package typealias Entry = (correlation: UInt64, call: Call)

    private struct Slot {
        /// How many calls were made before this one.
        var number: UInt64
        var deadline: MonotonicInstant
        /// Nil while the slot is free.
        var call: Call?
    }

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var made: UInt64 = 0
    /// No call runs out before this instant. Nil when no timer is needed.
    package private(set) var nextDeadline: MonotonicInstant?

    /// How many bits of a correlation name the slot. The others count calls, and begin anew after 2^40 of them.
    private static var slotBits: UInt64 { 24 }
    /// The most calls that can be pending at once. Slots count from 1, so that no correlation is 0.
    package static var callsMax: Int { (1 << Self.slotBits) - 1 }

    package init() {}

    package var count: Int { self.slots.count - self.freeSlots.count }

    /// - Returns: the call's correlation; nil when ``callsMax`` are pending.
    package mutating func insert(_ call: Call, deadline: MonotonicInstant) -> UInt64? {
        let slot = Slot(number: self.made, deadline: deadline, call: call)
        let index: Int
        if let free = self.freeSlots.popLast() {
            index = free
            self.slots[index] = slot
        } else {
            guard self.slots.count < Self.callsMax else { return nil }
            index = self.slots.count
            self.slots.append(slot)
        }
        self.made &+= 1
        if deadline != .distantFuture, deadline < self.nextDeadline ?? .distantFuture {
            self.nextDeadline = deadline
        }
        return Self.correlation(of: slot.number, at: index)
    }

    /// Nil when it was answered, expired or cancelled before, or `isConcerned` does not hold for it.
    package mutating func remove(
        _ correlation: UInt64, where isConcerned: (Call) -> Bool = { _ in true }
    ) -> (call: Call, deadline: MonotonicInstant)? {
        guard let index = self.index(of: correlation), let call = self.slots[index].call, isConcerned(call) else {
            return nil
        }
        self.slots[index].call = nil
        self.freeSlots.append(index)
        return (call, self.slots[index].deadline)
    }

    /// - Returns: whether the call is still pending.
    package mutating func update(_ correlation: UInt64, _ change: (inout Call) -> Void) -> Bool {
        guard let index = self.index(of: correlation) else { return false }
        return self.update(at: index, change)
    }

    /// Changes every call, in the order in which they were made.
    package mutating func updateAll(_ change: (inout Call) -> Void) {
        for index in self.indices(where: { _ in true }) {
            _ = self.update(at: index, change)
        }
    }

    /// Takes out every call whose deadline is `now` or before, in the order in which they were made.
    package mutating func expire(at now: MonotonicInstant) -> [Entry] {
        let expired = self.take(self.indices { $0.deadline <= now })
        let next = self.slots.reduce(MonotonicInstant.distantFuture) { next, slot in
            slot.call == nil ? next : min(next, slot.deadline)
        }
        self.nextDeadline = next == .distantFuture ? nil : next
        return expired
    }

    /// Takes out every call for which `isConcerned` holds, in the order in which they were made.
    package mutating func removeAll(where isConcerned: (Call) -> Bool) -> [Entry] {
        self.take(self.indices { $0.call.map(isConcerned) ?? false })
    }

    // MARK: Slots

    private static func correlation(of number: UInt64, at index: Int) -> UInt64 {
        number << Self.slotBits | UInt64(index + 1)
    }

    /// Where the call of this correlation is pending; nil when it is not.
    private func index(of correlation: UInt64) -> Int? {
        let index = Int(correlation & UInt64(Self.callsMax)) - 1
        guard self.slots.indices.contains(index), self.slots[index].call != nil,
            Self.correlation(of: self.slots[index].number, at: index) == correlation
        else { return nil }
        return index
    }

    /// The slots of pending calls for which `isConcerned` holds, in the order in which the calls were made.
    private func indices(where isConcerned: (Slot) -> Bool) -> [Int] {
        self.slots.indices.filter { self.slots[$0].call != nil && isConcerned(self.slots[$0]) }
            .sorted { self.slots[$0].number < self.slots[$1].number }
    }

    private mutating func update(at index: Int, _ change: (inout Call) -> Void) -> Bool {
        guard var call = self.slots[index].call.take() else { return false }
        change(&call)
        self.slots[index].call = call
        return true
    }

    private mutating func take(_ indices: [Int]) -> [Entry] {
        indices.compactMap { index in
            guard let call = self.slots[index].call.take() else { return nil }
            self.freeSlots.append(index)
            return (Self.correlation(of: self.slots[index].number, at: index), call)
        }
    }
}
