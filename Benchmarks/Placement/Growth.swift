import Basis
import Placement
import Snapshots

/// Solves that follow each other while a partition grows by one node at a time.
struct Growth {
    /// Of each solve, from two nodes on.
    private(set) var seconds: [Double] = []
    private(set) var statuses: [String] = []
    /// Of a solve of the last problem that knows nothing of the others.
    private let lastAlone: Double

    init(of whole: PlacementProblem, budget: SolverBudget, seed: UInt64) throws {
        let order = Self.ring(of: whole)
        for count in 2...order.count {
            let problem = Self.part(of: whole, Set(order.prefix(count)))
            let began = ThreadTime.seconds
            let report = try RepairSolver.solve(problem, budget: budget, seed: seed)
            self.seconds.append(ThreadTime.seconds - began)
            self.statuses.append(PlanDocument(of: report.outcome, for: problem, solveMilliseconds: 0).status.rawValue)
        }
        let began = ThreadTime.seconds
        _ = try RepairSolver.solve(whole, budget: budget, seed: seed)
        self.lastAlone = ThreadTime.seconds - began
    }

    /// All nodes in the order of the ring, from that whose CPU is asked for most.
    private static func ring(of problem: PlacementProblem) -> [NodeID] {
        var loads: [NodeID: Int] = [:]
        for vm in problem.vms {
            if let node = problem.mapping[vm.id] { loads[node, default: 0] += vm.demand.cpuMillicores }
        }
        let nodes = problem.nodes.map(\.id).sorted()
        let busiest = nodes.indices.max { loads[nodes[$0], default: 0] < loads[nodes[$1], default: 0] } ?? 0
        return Array(nodes[busiest...] + nodes[..<busiest])
    }

    private static func part(of whole: PlacementProblem, _ nodes: Set<NodeID>) -> PlacementProblem {
        var part = whole
        part.nodes.removeAll { !nodes.contains($0.id) }
        part.mapping = Mapping(whole.mapping.assignments.filter { nodes.contains($0.node) })
        part.vms.removeAll { part.mapping[$0.id] == nil }
        return part
    }

    func line(_ file: String) -> GrowthLine {
        GrowthLine(
            file: file, statuses: self.statuses, milliseconds: self.seconds.map { $0 * 1_000 },
            lastAloneMilliseconds: self.lastAlone * 1_000, ratio: self.seconds.reduce(0, +) / self.lastAlone)
    }
}

struct GrowthLine: Encodable {
    let file: String
    let statuses: [String]
    let milliseconds: [Double]
    let lastAloneMilliseconds: Double
    /// Of all solves to the last one alone.
    let ratio: Double

    enum CodingKeys: String, CodingKey {
        case file, statuses
        case milliseconds = "ms"
        case lastAloneMilliseconds = "last_alone_ms"
        case ratio
    }
}
