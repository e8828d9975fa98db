import Basis
import Placement

/// A node with so many millicores and MiB for VMs.
func node(
    _ id: NodeID, cpu: Int = 4_000, memory: Int = 8_192, state: NodeState = .active, link: Int = 1_000
) -> Node {
    Node(id: id, capacity: Resources(cpuMillicores: cpu, memoryMiB: memory), state: state, linkMbps: link)
}

func vm(
    _ id: VMID, cpu: Int = 1_000, memory: Int = 1_024, dirty: Int = 0, variance: Int = 0, rooted: String? = nil
) -> VirtualMachine {
    VirtualMachine(
        id: id, demand: Resources(cpuMillicores: cpu, memoryMiB: memory), cpuDemandVariance: variance,
        dirtyMiBPerSecond: dirty, migratability: rooted.map { .rooted(reason: $0) } ?? .migratable)
}

/// A problem whose VMs are listed by the node they are on.
func problem(
    _ placed: [(Node, [VirtualMachine])], constraints: [any PlacementConstraint] = [],
    policy: PlacementPolicy = .repair, overloadPercent: Int = 100, caps: FlightCaps = FlightCaps()
) -> PlacementProblem {
    PlacementProblem(
        nodes: placed.map(\.0), vms: placed.flatMap(\.1),
        mapping: Mapping(placed.flatMap { node, vms in vms.map { (vm: $0.id, node: node.id) } }),
        constraints: constraints, policy: policy, thresholds: LoadThresholds(overloadPercent: overloadPercent),
        flightCaps: caps)
}

/// Solves with a budget that no small problem exhausts.
func solve(_ problem: PlacementProblem, seed: UInt64 = 1) throws -> SolverOutcome {
    try RepairSolver.solve(problem, budget: .partition, seed: seed).outcome
}
