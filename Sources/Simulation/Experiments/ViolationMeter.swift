package import Basis
package import Placement

/// Measures how often and how long nodes are asked for more CPU, disk or network than they may give.
///
/// A violation begins with the change of demand, or with the arrival of a guest, that overloads a node, and ends when the
/// node is viable again: as VMPlaceS counts them. What lasts to the end of the experiment is counted up to there.
package struct ViolationMeter: Sendable {
    package struct Violation: Hashable, Sendable {
        package var node: Int
        package var began: MonotonicInstant
        package var ended: MonotonicInstant
        /// Whether the arrival of a guest overloaded the node, and not what its guests wanted.
        package var isMadeByArrival: Bool

        package init(node: Int, began: MonotonicInstant, ended: MonotonicInstant, isMadeByArrival: Bool) {
            self.node = node
            self.began = began
            self.ended = ended
            self.isMadeByArrival = isMadeByArrival
        }

        package var duration: Duration { self.ended - self.began }
    }

    private struct Node {
        var load = Resources.zero
        var violation: (began: MonotonicInstant, isMadeByArrival: Bool)?
    }

    /// Those that have ended, in the order of their ends.
    package private(set) var violations: [Violation] = []
    private let capacity: Resources
    private var nodes: [Node]
    private var demand: [Resources]
    private var overloaded = 0
    private var place: [Int?]

    /// Nobody wants anything at first.
    ///
    /// - Parameters:
    ///   - capacity: what each node may give; 0 of disk or network is no limit.
    ///   - places: by guest, its node at first.
    package init(nodes: Int, capacity: Resources, places: [Int]) {
        self.capacity = capacity
        self.nodes = Array(repeating: Node(), count: nodes)
        self.demand = Array(repeating: .zero, count: places.count)
        self.place = places
    }

    /// Where `guest` runs; nil while it is handed over.
    package func place(of guest: Int) -> Int? { self.place[guest] }

    /// Whether any node is overloaded now.
    package var hasViolation: Bool { self.overloaded > 0 }

    /// A guest wants so much of one resource from now on.
    package mutating func guest(
        _ guest: Int, wants amount: Int, of resource: Resource = .cpu, at now: MonotonicInstant
    ) {
        if let node = self.place[guest] {
            var change = Resources.zero
            change[resource] = amount - self.demand[guest][resource]
            self.change(node, by: change, at: now, isArrival: false)
        }
        self.demand[guest][resource] = amount
    }

    /// A guest runs on `node` from now on, or nowhere for a moment.
    package mutating func guest(_ guest: Int, runsOn node: Int?, at now: MonotonicInstant) {
        guard node != self.place[guest] else { return }
        if let former = self.place[guest] {
            var change = Resources.zero
            change -= self.demand[guest]
            self.change(former, by: change, at: now, isArrival: false)
        }
        self.place[guest] = node
        if let node { self.change(node, by: self.demand[guest], at: now, isArrival: true) }
    }

    private mutating func change(_ node: Int, by change: Resources, at now: MonotonicInstant, isArrival: Bool) {
        self.nodes[node].load += change
        let isOverloaded = self.exceedsCapacity(self.nodes[node].load)
        if isOverloaded, self.nodes[node].violation == nil {
            self.nodes[node].violation = (now, isArrival)
            self.overloaded += 1
        } else if !isOverloaded {
            self.end(node, at: now)
        }
    }

    /// Memory is not judged: what guests have of it does not change, and agents let in no more than there is.
    private func exceedsCapacity(_ load: Resources) -> Bool {
        let limited = { (load: Int, capacity: Int) in capacity > 0 && load > capacity }
        return load.cpuMillicores > self.capacity.cpuMillicores
            || limited(load.diskKiBPerSecond, self.capacity.diskKiBPerSecond)
            || limited(load.networkKiBPerSecond, self.capacity.networkKiBPerSecond)
    }

    private mutating func end(_ node: Int, at now: MonotonicInstant) {
        guard let violation = self.nodes[node].violation else { return }
        self.nodes[node].violation = nil
        self.overloaded -= 1
        // Within one instant, as while all loads are drawn anew, it is none.
        guard now > violation.began else { return }
        self.violations.append(
            Violation(
                node: node, began: violation.began, ended: now, isMadeByArrival: violation.isMadeByArrival))
    }

    /// Ends what still lasts.
    package mutating func conclude(at now: MonotonicInstant) {
        for node in self.nodes.indices { self.end(node, at: now) }
    }
}
