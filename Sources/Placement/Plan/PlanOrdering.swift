/// One migration of one VM, in indices.
struct Hop: Hashable {
    var vm: Int
    var from: Int
    var to: Int
}

/// Finds an order of migrations in which memory suffices, and continuous constraints hold, at every instant.
///
/// A migration needs room on the node it enters before it frees what it leaves. Doing whatever fits may run into a
/// dead end: what has come in may block what should have come first. So a migration is taken at once only when it can
/// block nobody, that is when everything still to come to that node fits there together; among the others the order
/// is searched. So are those that have to do with continuous constraints.
struct PlanOrdering {
    /// What is known of a set of migrations.
    enum Result {
        /// All of them, in an order that works.
        case found([Hop])
        /// No order works, each VM moving once.
        case impossible(done: [Hop])
        /// None was found; `done` could be done in this order.
        case unknown(done: [Hop])

        /// What can be done in this order, all or a part.
        var hops: [Hop] {
            switch self {
            case .found(let hops), .impossible(let hops), .unknown(let hops): hops
            }
        }
    }

    /// The most migrations whose order is searched exhaustively: the done ones are a bit mask.
    private static let searchedMax = 64
    /// How many steps the search of an order may take.
    private static let stepsMax = 5_000

    let model: SearchModel
    var free: [Int]
    var counts: RuleCounts
    /// Memory that still has to come, by node.
    private var coming: [Int]
    var remaining: [Hop]
    var done: [Hop] = []

    /// - Parameters:
    ///   - hosts: where the VMs are before the first migration.
    ///   - hops: at most one for each VM.
    init(_ model: SearchModel, hosts: [Int], hops: [Hop]) {
        self.model = model
        self.free = MemoryRoom.free(model, hosts: hosts)
        self.counts = RuleCounts(model, watching: hosts)
        self.coming = Array(repeating: 0, count: model.nodes.count)
        self.remaining = hops
        for hop in hops { self.coming[hop.to] += model.memoryMiB(hop.vm) }
    }

    mutating func run(_ meter: inout StepMeter) -> Result {
        self.doHarmless(&meter)
        if self.remaining.isEmpty { return .found(self.done) }
        if self.remaining.count <= Self.searchedMax {
            var visited: Set<UInt64> = []
            var order: [Int] = []
            let verdict = meter.within(Self.stepsMax) { meter in
                self.search(mask: 0, &order, &visited, &meter)
            }
            switch verdict {
            case true?: return .found(self.done + order.map { self.remaining[$0] })
            case false?:
                self.doWhateverFits(&meter)
                return .impossible(done: self.done)
            case nil: break
            }
        }
        self.doWhateverFits(&meter)
        return self.remaining.isEmpty ? .found(self.done) : .unknown(done: self.done)
    }

    private mutating func doHarmless(_ meter: inout StepMeter) {
        var progressed = true
        while progressed {
            progressed = false
            meter.spend(self.remaining.count)
            for index in self.remaining.indices.reversed() {
                let hop = self.remaining[index]
                guard self.coming[hop.to] <= self.free[hop.to],
                    !self.model.book.bindsOnTheWay(hop.vm, from: hop.from, to: hop.to)
                else { continue }
                self.perform(index)
                progressed = true
            }
        }
    }

    mutating func doWhateverFits(_ meter: inout StepMeter) {
        while true {
            meter.spend(self.remaining.count)
            // What frees the node that most is still to come to goes first.
            let fitting = self.remaining.indices.filter { self.isPossible(self.remaining[$0]) }
            let next = fitting.max { left, right in
                let (left, right) = (self.remaining[left], self.remaining[right])
                return (self.coming[left.from], right.vm) < (self.coming[right.from], left.vm)
            }
            guard let next else { return }
            self.perform(next)
        }
    }

    private func isPossible(_ hop: Hop) -> Bool {
        self.model.memoryMiB(hop.vm) <= self.free[hop.to] && self.counts.admits(hop.vm, on: hop.to)
    }

    private mutating func perform(_ index: Int) {
        let hop = self.remaining.remove(at: index)
        let memory = self.model.memoryMiB(hop.vm)
        self.free[hop.to] -= memory
        self.free[hop.from] += memory
        self.coming[hop.to] -= memory
        self.follow(hop.vm, from: hop.from, to: hop.to)
        self.done.append(hop)
    }

    mutating func follow(_ vm: Int, from: Int, to: Int) {
        if self.model.book.hasContinuous { self.counts.move(vm, from: from, to: to) }
    }

    /// Extends the set of done migrations `mask` to all; `order` then tells how. False when that is proven to be
    /// impossible, nil when the meter is spent first.
    private mutating func search(
        mask: UInt64, _ order: inout [Int], _ visited: inout Set<UInt64>, _ meter: inout StepMeter
    ) -> Bool? {
        if order.count == self.remaining.count { return true }
        guard visited.insert(mask).inserted else { return false }
        if meter.isSpent { return nil }
        meter.spend(self.remaining.count)
        for (index, hop) in self.remaining.enumerated() where mask & (1 << UInt64(index)) == 0 {
            let memory = self.model.memoryMiB(hop.vm)
            guard self.isPossible(hop) else { continue }
            self.follow(hop.vm, from: hop.from, to: hop.to)
            self.free[hop.to] -= memory
            self.free[hop.from] += memory
            order.append(index)
            let verdict = self.search(mask: mask | 1 << UInt64(index), &order, &visited, &meter)
            self.free[hop.to] += memory
            self.free[hop.from] -= memory
            self.follow(hop.vm, from: hop.to, to: hop.from)
            if verdict != false { return verdict }
            order.removeLast()
        }
        return false
    }
}

/// Memory not taken on each node, in MiB; below zero where more is taken than there is.
enum MemoryRoom {
    static func free(_ model: SearchModel, hosts: [Int]) -> [Int] {
        var free = model.nodes.indices.map { model.usable[$0][Resource.memory.rawValue] }
        for vm in hosts.indices { free[hosts[vm]] -= model.memoryMiB(vm) }
        return free
    }
}

extension SearchModel {
    func memoryMiB(_ vm: Int) -> Int { self.demand[vm][Resource.memory.rawValue] }
}
