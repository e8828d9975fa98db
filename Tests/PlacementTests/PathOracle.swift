import Basis
import Placement

/// Solves tiny problems by looking at every mapping that can be reached one migration at a time (Dijkstra).
///
/// It knows the rules only from the definitions: ``Viability``, ``PlacementConstraint/admits(_:on:)`` and the memory
/// of each node.
struct PathOracle {
    private let problem: PlacementProblem
    private let nodes: [Node]
    private let vms: [VirtualMachine]

    init(_ problem: PlacementProblem) {
        self.problem = problem
        self.nodes = problem.nodes
        self.vms = problem.vms
    }

    struct Answer {
        var cost: MigrationCost
        /// Whether some VM moves more than once on the cheapest way found.
        var stepsAside: Bool
    }

    /// The least cost of a way to a viable mapping; nil when there is none.
    func leastCost() -> Answer? {
        // Safe because the problem has no defects.
        let start = self.vms.map { vm in self.nodes.firstIndex { $0.id == self.problem.mapping[vm.id] }! }
        var known: [[Int]: (cost: MigrationCost, stepsAside: Bool, settled: Bool)] = [start: (.zero, false, false)]
        var open: [MigrationCost: [[Int]]] = [.zero: [start]]
        while let cost = open.keys.min(), var states = open[cost] {
            let hosts = states.removeLast()
            open[cost] = states.isEmpty ? nil : states
            guard let entry = known[hosts], !entry.settled, entry.cost == cost else { continue }
            known[hosts]?.settled = true
            if self.isViable(hosts) { return Answer(cost: cost, stepsAside: entry.stepsAside) }
            for vm in hosts.indices {
                for node in self.nodes.indices where self.mayMove(vm, hosts, node) {
                    var next = hosts
                    next[vm] = node
                    let hop = MigrationCost(of: self.vms[vm], from: self.nodes[hosts[vm]], to: self.nodes[node])
                    let sum = cost + hop
                    if let other = known[next], other.cost <= sum { continue }
                    known[next] = (sum, entry.stepsAside || hosts[vm] != start[vm], false)
                    open[sum, default: []].append(next)
                }
            }
        }
        return nil
    }

    private func isViable(_ hosts: [Int]) -> Bool {
        let mapping = Mapping(hosts.indices.map { (vm: self.vms[$0].id, node: self.nodes[hosts[$0]].id) })
        return Viability(of: mapping, in: self.problem).isViable
    }

    private func mayMove(_ vm: Int, _ hosts: [Int], _ node: Int) -> Bool {
        let target = self.nodes[node]
        guard hosts[vm] != node, self.vms[vm].migratability == .migratable, target.state == .active,
            self.nodes[hosts[vm]].state != .offline
        else { return false }
        if case .evacuate(let emptied) = self.problem.policy {
            guard target.id != emptied, !self.problem.mapping.vms(on: target.id).isEmpty else { return false }
        }
        let mapping = Mapping(hosts.indices.map { (vm: self.vms[$0].id, node: self.nodes[hosts[$0]].id) })
        var occupancy = Occupancy(mapping, of: self.problem)
        let continuous = self.problem.constraints.filter(\.isContinuous)
        let before = continuous.map { $0.breaches(in: occupancy, of: self.problem).count }
        occupancy.enter(self.vms[vm].id, target.id)
        guard continuous.map({ $0.breaches(in: occupancy, of: self.problem).count }) == before else { return false }
        let held = hosts.indices.reduce(0) { $0 + (hosts[$1] == node ? self.vms[$1].demand.memoryMiB : 0) }
        return held + self.vms[vm].demand.memoryMiB <= target.capacity.memoryMiB - target.reserved.memoryMiB
    }
}
