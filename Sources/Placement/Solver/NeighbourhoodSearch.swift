import Basis

/// Improves a viable assignment by solving small parts of it anew: the nodes of one migration and a few others, with
/// everything outside them fixed. Source: Shaw, "Using constraint programming and local search methods to solve
/// vehicle routing problems" (CP 1998), large neighbourhood search.
struct NeighbourhoodSearch {
    /// How many nodes are solved anew together.
    private static let nodesAtOnce = 6
    /// How many steps one part may take.
    private static let stepsPerPart = 4_000
    /// After as many parts without an improvement the search ends.
    private static let fruitlessMax = 24

    private let model: SearchModel
    private var random: SplitMix64

    init(_ model: SearchModel, seed: UInt64) {
        self.model = model
        self.random = SplitMix64(seed: seed)
    }

    /// Improves what `incumbent` holds until nothing more is found, the meter is spent, or nothing can be better than
    /// `lowerBound`.
    mutating func run(_ incumbent: inout Incumbent, lowerBound: MigrationCost, _ meter: inout StepMeter) {
        var fruitless = 0
        while fruitless < Self.fruitlessMax, !meter.isSpent, let best = incumbent.best, best.cost > lowerBound {
            let scope = self.part(of: best.hosts)
            let inScope = scope.reduce(into: NodeSet(universe: self.model.nodes.count)) { $0.insert($1) }
            var hosts = best.hosts
            let isOpen = hosts.indices.map { vm in
                self.model.isMovable(vm) && inScope.contains(hosts[vm]) && inScope.contains(self.model.origin[vm])
            }
            for vm in hosts.indices where isOpen[vm] { hosts[vm] = self.model.origin[vm] }
            meter.spend(hosts.count)
            var search = AssignmentSearch(
                self.model, hosts: hosts, isOpen: isOpen, scope: scope, bestCost: best.cost, allowsEjection: true)
            meter.within(Self.stepsPerPart) { meter in
                search.run(&meter) { state, _, meter in incumbent.offer(state.hosts, &meter) }
            }
            fruitless = incumbent.best.map { $0.cost < best.cost } ?? false ? 0 : fruitless + 1
        }
    }

    /// Both ends of a migration drawn at random, and other nodes.
    private mutating func part(of hosts: [Int]) -> [Int] {
        let moved = hosts.indices.filter { hosts[$0] != self.model.origin[$0] }
        var scope: Set<Int> = []
        if let vm = moved.randomElement(using: &self.random) { scope = [self.model.origin[vm], hosts[vm]] }
        let count = min(Self.nodesAtOnce, self.model.nodes.count)
        while scope.count < count { scope.insert(Int.random(in: 0..<self.model.nodes.count, using: &self.random)) }
        return scope.sorted()
    }
}
