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
    /// What must hold.
    package var constraints: [any PlacementConstraint]
    /// What had better hold, and how much that is worth.
    package var softConstraints: [SoftConstraint]
    /// Where VMs are that are no part of the problem, as far as they matter to constraints.
    ///
    /// They count for every constraint that names them, or the node on which they are, and are neither moved nor load.
    /// So a partition fills it with what it knows of the VMs that its constraints name. What it does not know counts
    /// nowhere: the constraints then hold among the VMs that are known, and no more than that is claimed.
    package var outside: Mapping
    package var policy: PlacementPolicy
    package var thresholds: LoadThresholds
    /// Nodes with thresholds of their own.
    package var thresholdsByNode: [NodeID: LoadThresholds]
    package var flightCaps: FlightCaps
    /// What the cost of a plan is made of.
    package var costWeights: CostWeights
    /// How much of a demand's distance from the average is expected to stay, in percent: 100 when VMs go on wanting what
    /// they want now, less when loads that stand out do not last. Decides between destinations that are equally good.
    package var demandPersistencePercent: Int

    /// What ``demandPersistencePercent`` may be.
    package static let demandPersistenceRange = 0...100

    package init(
        nodes: [Node], vms: [VirtualMachine], mapping: Mapping, constraints: [any PlacementConstraint] = [],
        softConstraints: [SoftConstraint] = [], outside: Mapping = Mapping(),
        policy: PlacementPolicy = .repair, thresholds: LoadThresholds = LoadThresholds(),
        thresholdsByNode: [NodeID: LoadThresholds] = [:], flightCaps: FlightCaps = FlightCaps(),
        costWeights: CostWeights = .transferTime, demandPersistencePercent: Int = 100
    ) {
        self.nodes = nodes
        self.vms = vms
        self.mapping = mapping
        self.constraints = constraints
        self.softConstraints = softConstraints
        self.outside = outside
        self.policy = policy
        self.thresholds = thresholds
        self.thresholdsByNode = thresholdsByNode
        self.flightCaps = flightCaps
        self.costWeights = costWeights
        self.demandPersistencePercent = demandPersistencePercent
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
