import Basis
import Placement
import Snapshots

/// What an ISP's solves take while its partition grows by one node at a time: one that is too small in total is not
/// solved (ADR 0012).
struct Growth {
    /// Of each size from two nodes on, the look at the totals included.
    private(set) var seconds: [Double] = []
    /// `short` where nothing was solved.
    private(set) var statuses: [String] = []
    /// Of a solve of the last problem that knows nothing of the others.
    private let lastAlone: Double

    init(of whole: PlacementProblem, budget: SolverBudget, seed: UInt64) throws {
        let order = Self.ring(of: whole)
        let nodes = Dictionary(uniqueKeysWithValues: whole.nodes.map { ($0.id, $0) })
        let residents = Dictionary(grouping: whole.vms) { whole.mapping[$0.id] }
        var balance = ResourceBalance()
        for (index, id) in order.enumerated() {
            let problem = Self.part(of: whole, Set(order[...index]))
            let began = ThreadTime.seconds
            for vm in residents[id] ?? [] { balance.add(vm) }
            if let node = nodes[id], node.state == .active { balance.add(node, whole.thresholds(of: id)) }
            guard index > 0 else { continue }
            let report =
                balance.shortage == nil ? try RepairSolver.solve(problem, budget: budget, seed: seed) : nil
            self.seconds.append(ThreadTime.seconds - began)
            self.statuses.append(
                report.map { PlanDocument(of: $0.outcome, for: problem, solveMilliseconds: 0).status.rawValue }
                    ?? "short")
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

    /// The sizes up to the first that has a plan, which is where an ISP stops.
    private var sizesToPlan: ArraySlice<Double> {
        let first = self.statuses.firstIndex { $0 == "optimal" || $0 == "feasible" }
        return self.seconds.prefix((first ?? self.seconds.count - 1) + 1)
    }

    func line(_ file: String) -> GrowthLine {
        GrowthLine(
            file: file, statuses: self.statuses, milliseconds: self.seconds.map { $0 * 1_000 },
            lastAloneMilliseconds: self.lastAlone * 1_000, ratio: self.seconds.reduce(0, +) / self.lastAlone,
            ratioToPlan: self.sizesToPlan.reduce(0, +) / (self.sizesToPlan.last ?? self.lastAlone))
    }
}

struct GrowthLine: Encodable {
    let file: String
    let statuses: [String]
    let milliseconds: [Double]
    let lastAloneMilliseconds: Double
    /// Of all sizes to the last solve alone.
    let ratio: Double
    /// Of all sizes up to the first plan to the solve that found it.
    let ratioToPlan: Double

    enum CodingKeys: String, CodingKey {
        case file, statuses
        case milliseconds = "ms"
        case lastAloneMilliseconds = "last_alone_ms"
        case ratio
        case ratioToPlan = "ratio_to_plan"
    }
}
