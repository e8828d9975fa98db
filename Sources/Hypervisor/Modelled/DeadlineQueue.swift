import Basis

/// Which host of a fleet must be woken when. One deadline per host.
struct DeadlineQueue: Sendable {
    private struct Entry: Sendable {
        var deadline: MonotonicInstant
        var node: NodeID

        /// Of equal deadlines the smaller id comes first, the same in every run.
        static func < (left: Entry, right: Entry) -> Bool {
            left.deadline == right.deadline ? left.node < right.node : left.deadline < right.deadline
        }
    }

    /// A binary heap, the next one first. An entry that differs from ``current`` is stale; it is dropped when it comes up.
    private var heap: [Entry] = []
    private var current: [NodeID: MonotonicInstant] = [:]

    /// Nil takes the node out.
    mutating func set(_ deadline: MonotonicInstant?, for node: NodeID) {
        guard self.current[node] != deadline else { return }
        self.current[node] = deadline
        if let deadline { self.insert(Entry(deadline: deadline, node: node)) }
        self.dropStale()
    }

    var earliest: MonotonicInstant? { self.heap.first?.deadline }

    /// Takes out the node with the earliest deadline that is not after `now`.
    mutating func takeDue(at now: MonotonicInstant) -> NodeID? {
        guard let first = self.heap.first, first.deadline <= now else { return nil }
        self.removeFirst()
        self.current[first.node] = nil
        self.dropStale()
        return first.node
    }

    private mutating func dropStale() {
        while let first = self.heap.first, self.current[first.node] != first.deadline { self.removeFirst() }
    }

    private mutating func insert(_ entry: Entry) {
        self.heap.append(entry)
        var child = self.heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child] < self.heap[parent] else { return }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeFirst() {
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        var parent = 0
        while true {
            var next = parent
            for child in (2 * parent + 1)...(2 * parent + 2) where child < self.heap.count {
                if self.heap[child] < self.heap[next] { next = child }
            }
            guard next != parent else { return }
            self.heap.swapAt(parent, next)
            parent = next
        }
    }
}
