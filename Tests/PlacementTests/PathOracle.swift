import Basis
import Placement

/// Solves small problems by looking at every mapping that can be reached one migration at a time (Dijkstra).
struct PathOracle {
    private let oracle: PlacesOracle
    private let vmCount: Int
    private let nodeCount: Int

    init(_ problem: PlacementProblem) {
        self.oracle = PlacesOracle(problem)
        self.vmCount = problem.vms.count
        self.nodeCount = problem.nodes.count
    }

    struct Answer {
        /// Migrations and breaches of soft constraints together.
        var cost: MigrationCost
        /// Whether some VM moves more than once on the cheapest way found.
        var stepsAside: Bool
    }

    private struct Reached {
        var cost: MigrationCost
        var stepsAside = false
        var isSettled = false
    }

    /// The least cost of a way to a viable mapping; nil when there is none.
    func leastCost() -> Answer? {
        let mappings = (0..<self.vmCount).reduce(1) { count, _ in count * self.nodeCount }
        var known = [Reached?](repeating: nil, count: mappings)
        let start = self.number(self.oracle.origin)
        known[start] = Reached(cost: .zero)
        var queue = CostQueue()
        queue.insert(start, .zero)
        var best: Answer?
        while let (number, cost) = queue.popLeast() {
            // Safe because whatever is queued has been reached.
            guard !known[number]!.isSettled, known[number]!.cost == cost else { continue }
            if let best, cost >= best.cost { break }
            known[number]!.isSettled = true
            let stepsAside = known[number]!.stepsAside
            let hosts = self.hosts(number)
            let places = self.oracle.places(hosts)
            if self.oracle.isViable(places) {
                let total = cost + MigrationCost(weight: self.oracle.softCost(places), migrations: 0)
                if best.map({ total < $0.cost }) ?? true { best = Answer(cost: total, stepsAside: stepsAside) }
            }
            self.expand(hosts, places) { next, vm, hop in
                let sum = cost + hop
                if let other = known[next], other.cost <= sum { return }
                known[next] = Reached(
                    cost: sum, stepsAside: stepsAside || hosts[vm] != self.oracle.origin[vm])
                queue.insert(next, sum)
            }
        }
        return best
    }

    private func expand(
        _ hosts: [Int], _ places: PlacesOracle.Places, _ found: (_ next: Int, _ vm: Int, _ hop: MigrationCost) -> Void
    ) {
        let problem = self.oracle.problem
        for vm in hosts.indices {
            for node in 0..<self.nodeCount where self.oracle.mayBeSent(vm, from: hosts[vm], to: node) {
                var during = places
                during[node] |= 1 << UInt32(vm)
                guard self.oracle.isBearable(during, before: places) else { continue }
                var next = hosts
                next[vm] = node
                found(
                    self.number(next), vm,
                    MigrationCost(
                        of: problem.vms[vm], from: problem.nodes[hosts[vm]], to: problem.nodes[node],
                        problem.costWeights))
            }
        }
    }

    private func number(_ hosts: [Int]) -> Int { hosts.reduce(0) { $0 * self.nodeCount + $1 } }

    private func hosts(_ number: Int) -> [Int] {
        var (hosts, rest) = ([Int](repeating: 0, count: self.vmCount), number)
        for vm in hosts.indices.reversed() { (rest, hosts[vm]) = rest.quotientAndRemainder(dividingBy: self.nodeCount) }
        return hosts
    }
}

/// A binary heap of numbers by cost.
private struct CostQueue {
    private var entries: [(number: Int, cost: MigrationCost)] = []

    mutating func insert(_ number: Int, _ cost: MigrationCost) {
        self.entries.append((number, cost))
        var child = self.entries.count - 1
        while child > 0, self.entries[child].cost < self.entries[(child - 1) / 2].cost {
            self.entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popLeast() -> (number: Int, cost: MigrationCost)? {
        guard let least = self.entries.first, let last = self.entries.popLast() else { return nil }
        guard !self.entries.isEmpty else { return least }
        self.entries[0] = last
        var parent = 0
        while true {
            let smallest = [parent, 2 * parent + 1, 2 * parent + 2].filter { $0 < self.entries.count }
                .min { self.entries[$0].cost < self.entries[$1].cost }
            guard let smallest, smallest != parent else { return least }
            self.entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
