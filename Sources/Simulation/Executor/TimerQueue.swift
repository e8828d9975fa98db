import Basis

/// Names one timer. Stays valid, and harmless, after the timer has fired or was cancelled.
package struct TimerID: Hashable, Sendable {
    fileprivate var number: UInt32
    fileprivate var generation: UInt32

    fileprivate var slot: Int { Int(self.number) }
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
/// A heap beside a table of slots. A cancelled timer's heap entry stays behind, and all such entries are thrown
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

    /// How many children an entry of the heap has: four lie side by side in memory, and make half as many levels as two.
    private static let children = 4
    /// Below this many heap entries nothing is thrown out.
    private static let sweepMin = 64

    private var heap: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var sequence: UInt64 = 0
    private var staleEntries = 0

    /// How many timers are armed.
    var count: Int { self.heap.count - self.staleEntries }

    /// A name for a timer that is yet to be armed. Must end in ``arm(_:at:_:)`` or ``cancel(_:)``.
    mutating func reserve() -> TimerID {
        if let number = self.freeSlots.popLast() {
            return TimerID(number: number, generation: self.slots[Int(number)].generation)
        }
        self.slots.append(Slot())
        return TimerID(number: UInt32(self.slots.count - 1), generation: 0)
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
        let action = self.free(id)
        if action != nil {
            self.staleEntries += 1
            self.sweepIfStale()
        }
        return action
    }

    /// Takes out the earliest timer.
    mutating func removeFirst() -> (instant: MonotonicInstant, action: TimerAction)? {
        while let entry = self.removeTop() {
            if self.slots[entry.id.slot].generation == entry.id.generation, let action = self.free(entry.id) {
                return (entry.instant, action)
            }
            self.staleEntries -= 1
        }
        return nil
    }

    private mutating func free(_ id: TimerID) -> TimerAction? {
        let action = self.slots[id.slot].action.take()
        self.slots[id.slot].generation &+= 1
        self.freeSlots.append(id.number)
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
        let entry = self.heap[start]
        var index = start
        while index > 0 {
            let parent = (index - 1) / Self.children
            guard entry.precedes(self.heap[parent]) else { break }
            self.heap[index] = self.heap[parent]
            index = parent
        }
        self.heap[index] = entry
    }

    private mutating func siftDownFromTop() {
        let entry = self.heap[0]
        var index = 0
        while let least = self.leastChild(of: index), self.heap[least].precedes(entry) {
            self.heap[index] = self.heap[least]
            index = least
        }
        self.heap[index] = entry
    }

    private func leastChild(of index: Int) -> Int? {
        let first = index * Self.children + 1
        guard first < self.heap.count else { return nil }
        var least = first
        for child in (first + 1)..<min(first + Self.children, self.heap.count)
        where self.heap[child].precedes(self.heap[least]) {
            least = child
        }
        return least
    }
}
