package import Basis

/// What a solver is asked: nodes, VMs, where these are, what must hold, and the aim.
///
/// Any value may be built, as its parts come from other machines; ``defects`` says whether it makes sense, and the
/// solver refuses one that has any. The order of `nodes` and `vms` has no meaning.
package struct PlacementProblem: Sendable {
    /// How many nodes one problem may have.
    package static let nodesMax = 16_384
    /// How many VMs one problem may have: sums of as many amounts fit into an `Int`.
    package static let vmsMax = 131_072
    /// How much memory all VMs together may have, in MiB: what keeps sums of costs within an `Int`, also where VMs
    /// move more than once.
    package static let memoryMiBMax = 1 << 36

    package var nodes: [Node]
    /// A VM that must not be moved now (cool-down, host device) is rooted by its migratability, and is load.
    package var vms: [VirtualMachine]
    package var mapping: Mapping
    package var constraints: [any PlacementConstraint]
    package var policy: PlacementPolicy
    package var thresholds: LoadThresholds
    /// Nodes with thresholds of their own.
    package var thresholdsByNode: [NodeID: LoadThresholds]
    package var flightCaps: FlightCaps

    package init(
        nodes: [Node], vms: [VirtualMachine], mapping: Mapping, constraints: [any PlacementConstraint] = [],
        policy: PlacementPolicy = .repair, thresholds: LoadThresholds = LoadThresholds(),
        thresholdsByNode: [NodeID: LoadThresholds] = [:], flightCaps: FlightCaps = FlightCaps()
    ) {
        self.nodes = nodes
        self.vms = vms
        self.mapping = mapping
        self.constraints = constraints
        self.policy = policy
        self.thresholds = thresholds
        self.thresholdsByNode = thresholdsByNode
        self.flightCaps = flightCaps
    }

    package func thresholds(of node: NodeID) -> LoadThresholds {
        self.thresholdsByNode[node] ?? self.thresholds
    }
}

/// How many migrations one node may take part in during one step, by direction.
///
/// Three at once on a link take twice as long as three in a row, hence 1 by default.
package struct FlightCaps: Hashable, Sendable {
    package var perNodeIn: Int
    package var perNodeOut: Int

    package init(perNodeIn: Int = 1, perNodeOut: Int = 1) {
        self.perNodeIn = perNodeIn
        self.perNodeOut = perNodeOut
    }
}
