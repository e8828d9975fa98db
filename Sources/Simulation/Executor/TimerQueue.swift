import Basis

/// Names one timer. Stays valid, and harmless, after the timer has fired or was cancelled.
package struct TimerID: Hashable, Sendable {
    fileprivate var slot: Int
    fileprivate var generation: UInt32
}

/// What happens when a timer fires.
enum TimerAction {
    /// A job of the runtime's own sleeping becomes ready.
    case job(UnownedJob)
    /// A sleeper wakes up.
    case wake(UnsafeContinuation<Void, any Error>)
    case call(@Sendable () -> Void)
}

/// The timers of a world by instant; those of one instant fire in the order in which they were armed.
///
/// A binary heap beside a table of slots. A cancelled timer's heap entry stays behind, and all such entries are thrown
/// out when they are the majority, so memory is proportional to the timers that are alive.
struct TimerQueue {
    private struct Entry {
        var instant: MonotonicInstant
        var sequence: UInt64
        var id: TimerID

        func precedes(_ other: Entry) -> Bool {
            (self.instant, self.sequence) < (other.instant, other.sequence)
        }
    }

    private struct Slot {
        var generation: UInt32 = 0
        var action: TimerAction?
    }

    /// Below this many heap entries nothing is thrown out.
    private static let sweepMin = 64

    private var heap: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var sequence: UInt64 = 0
    private var staleEntries = 0

    /// How many timers are armed.
    var count: Int { self.heap.count - self.staleEntries }

    /// A name for a timer that is yet to be armed. Must end in ``arm(_:at:_:)`` or ``cancel(_:)``.
    mutating func reserve() -> TimerID {
        if let slot = self.freeSlots.popLast() {
            return TimerID(slot: slot, generation: self.slots[slot].generation)
        }
        self.slots.append(Slot())
        return TimerID(slot: self.slots.count - 1, generation: 0)
    }

    mutating func arm(_ id: TimerID, at instant: MonotonicInstant, _ action: TimerAction) {
        precondition(self.slots[id.slot].generation == id.generation, "a timer is armed at most once, before its end")
        self.slots[id.slot].action = action
        self.sequence += 1
        self.heap.append(Entry(instant: instant, sequence: self.sequence, id: id))
        self.siftUp(from: self.heap.count - 1)
    }

    /// Ends the timer. Returns what it would have done, or nil when it was not armed or is over.
    mutating func cancel(_ id: TimerID) -> TimerAction? {
        guard self.slots[id.slot].generation == id.generation else { return nil }
        let action = self.free(id.slot)
        if action != nil {
            self.staleEntries += 1
            self.sweepIfStale()
        }
        return action
    }

    /// Takes out the earliest timer.
    mutating func removeFirst() -> (instant: MonotonicInstant, action: TimerAction)? {
        while let entry = self.removeTop() {
            if self.slots[entry.id.slot].generation == entry.id.generation, let action = self.free(entry.id.slot) {
                return (entry.instant, action)
            }
            self.staleEntries -= 1
        }
        return nil
    }

    private mutating func free(_ slot: Int) -> TimerAction? {
        let action = self.slots[slot].action
        self.slots[slot].action = nil
        self.slots[slot].generation &+= 1
        self.freeSlots.append(slot)
        return action
    }

    private mutating func sweepIfStale() {
        guard self.heap.count > Self.sweepMin, self.staleEntries * 2 > self.heap.count else { return }
        self.heap.removeAll { self.slots[$0.id.slot].generation != $0.id.generation }
        // A sorted array is a heap.
        self.heap.sort { $0.precedes($1) }
        self.staleEntries = 0
    }

    private mutating func removeTop() -> Entry? {
        guard let top = self.heap.first, let last = self.heap.popLast() else { return nil }
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.siftDownFromTop()
        }
        return top
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard self.heap[index].precedes(self.heap[parent]) else { return }
            self.heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDownFromTop() {
        var index = 0
        while true {
            var least = index * 2 + 1
            guard least < self.heap.count else { return }
            if least + 1 < self.heap.count, self.heap[least + 1].precedes(self.heap[least]) { least += 1 }
            guard self.heap[least].precedes(self.heap[index]) else { return }
            self.heap.swapAt(index, least)
            index = least
        }
    }
}
