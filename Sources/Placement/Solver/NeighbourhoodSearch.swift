import Basis

/// Improves a viable assignment by solving small parts of it anew: some nodes between which VMs were moved and a few
/// others, with everything outside them fixed. Source: Shaw, "Using constraint programming and local search methods to
/// solve vehicle routing problems" (CP 1998), large neighbourhood search.
///
/// An assignment that costs the same is gone on from as well: of the many that do, others can be improved.
struct NeighbourhoodSearch {
    /// How many nodes are solved anew together: few are solved to the end, many see more.
    private static let nodesMin = 3
    private static let nodesMax = 16
    /// How many steps one part may take.
    private static let stepsPerPart = 10_000
    /// After as many parts in a row without an improvement the search ends: so many, and so many for each node.
    private static let fruitlessMin = 24
    private static let fruitlessPerNode = 5

    private let model: SearchModel
    private var random: SplitMix64

    init(_ model: SearchModel, seed: UInt64) {
        self.model = model
        self.random = SplitMix64(seed: seed)
    }

    /// Improves what `incumbent` holds until nothing more is found, the meter is spent, or nothing can be better than
    /// `lowerBound`.
    mutating func run(_ incumbent: inout Incumbent, lowerBound: MigrationCost, _ meter: inout StepMeter) {
        guard var current = incumbent.best?.hosts else { return }
        var fruitless = 0
        let fruitlessMax = max(Self.fruitlessMin, Self.fruitlessPerNode * self.model.nodes.count)
        while fruitless < fruitlessMax, !meter.isSpent, let best = incumbent.best, best.cost > lowerBound {
            current = self.solvedAnew(current, &incumbent, &meter)
            fruitless = incumbent.best.map { $0.cost < best.cost } ?? false ? 0 : fruitless + 1
        }
    }

    /// The assignment with a part of it solved anew, at the same cost at most.
    private mutating func solvedAnew(
        _ current: [Int], _ incumbent: inout Incumbent, _ meter: inout StepMeter
    ) -> [Int] {
        let scope = self.part(of: current)
        let inScope = scope.reduce(into: NodeSet(universe: self.model.nodes.count)) { $0.insert($1) }
        var hosts = current
        let open = scope.flatMap { self.model.residents[$0] }.filter {
            self.model.isMovable($0) && inScope.contains(hosts[$0])
        }
        for vm in open { hosts[vm] = self.model.origin[vm] }
        // Reading every VM is quick beside a step of the search.
        meter.spend(open.count + hosts.count / 16)
        let same = self.model.totalCost(of: current) + MigrationCost(weight: 0, migrations: 1)
        var search = LeaverSearch(self.model, hosts: hosts, open: open.sorted(), scope: scope, bestCost: same)
        var found = current
        meter.within(Self.stepsPerPart) { meter in
            search.run(&meter) { hosts, meter in
                let cost = self.model.totalCost(of: hosts)
                if let best = incumbent.best, cost < best.cost, case .refused = incumbent.offer(hosts, &meter) {
                    return .refused
                }
                found = hosts
                return .taken(cost)
            }
        }
        return found
    }

    /// Both ends of a migration drawn at random, the other ends of migrations that begin or end there, and nodes drawn
    /// at random.
    private mutating func part(of hosts: [Int]) -> [Int] {
        let size = min(Int.random(in: Self.nodesMin...Self.nodesMax, using: &self.random), self.model.nodes.count)
        let moved = hosts.indices.filter { hosts[$0] != self.model.origin[$0] }
        var scope: Set<Int> = []
        if let vm = moved.randomElement(using: &self.random) {
            let ends = [self.model.origin[vm], hosts[vm]]
            scope = Set(ends)
            var further = moved.filter { ends.contains(self.model.origin[$0]) || ends.contains(hosts[$0]) }
            further.shuffle(using: &self.random)
            for other in further where scope.count < size * 2 / 3 {
                scope.formUnion([self.model.origin[other], hosts[other]])
            }
        }
        while scope.count < size { scope.insert(Int.random(in: 0..<self.model.nodes.count, using: &self.random)) }
        return scope.sorted()
    }
}
