package import Basis
package import Placement

/// The aim that a snapshot states, with its limits.
package struct SnapshotPolicy: Hashable, Sendable {
    package enum Name: String, Hashable, Sendable, CaseIterable {
        /// Make the mapping viable with the fewest MiB moved.
        case repair
        /// The same, for what drains: at least one node has to.
        case drain
        /// Even out loads, within limits.
        case balance
        /// Empty as many nodes as possible.
        case consolidate
        /// Empty one node, all or nothing, onto nodes that host something.
        case evacuate
    }

    package var name: Name
    package var overloadPercent: Int
    /// How full a node may be made, in percent of what it may give: ``Snapshot/fillTarget``.
    package var targetPercent: Int
    package var underloadPercent: Int
    /// The node to be emptied; for `evacuate` only.
    package var node: NodeID?
    /// nil where nothing is said, as the two that follow; for `balance` only.
    package var movesMax: Int?
    package var memoryMiBMax: Int?
    package var gainMinPermille: Int?
    /// nil where nothing is said.
    package var flightCaps: FlightCaps?
    package var weights: CostWeights
    /// ``PlacementProblem/demandPersistencePercent``.
    package var demandPersistencePercent: Int

    package init(
        _ name: Name = .repair, overloadPercent: Int = 100, targetPercent: Int = 100, underloadPercent: Int = 0,
        node: NodeID? = nil, movesMax: Int? = nil, memoryMiBMax: Int? = nil, gainMinPermille: Int? = nil,
        flightCaps: FlightCaps? = nil, weights: CostWeights = .transferTime, demandPersistencePercent: Int = 100
    ) {
        self.name = name
        self.overloadPercent = overloadPercent
        self.targetPercent = targetPercent
        self.underloadPercent = underloadPercent
        self.node = node
        self.movesMax = movesMax
        self.memoryMiBMax = memoryMiBMax
        self.gainMinPermille = gainMinPermille
        self.flightCaps = flightCaps
        self.weights = weights
        self.demandPersistencePercent = demandPersistencePercent
    }

    /// The aim of a problem.
    package init(of problem: PlacementProblem) {
        self.init(
            overloadPercent: problem.thresholds.overloadPercent, underloadPercent: problem.thresholds.underloadPercent,
            flightCaps: problem.flightCaps, weights: problem.costWeights,
            demandPersistencePercent: problem.demandPersistencePercent)
        switch problem.policy {
        case .repair: break
        case .evacuate(let node):
            self.name = .evacuate
            self.node = node
        case .balance(let aim):
            self.name = .balance
            self.movesMax = aim.movesMax
            self.memoryMiBMax = aim.memoryMiBMax
            self.gainMinPermille = aim.gainMinPermille
        case .consolidate: self.name = .consolidate
        }
    }

    /// What the solver knows of this aim: the one place where names become policies.
    package func placementPolicy() throws(UnavailablePolicy) -> PlacementPolicy {
        switch (self.name, self.node) {
        case (.repair, _), (.drain, _): return .repair
        case (.evacuate, let node?): return .evacuate(node)
        case (.evacuate, nil):
            throw UnavailablePolicy(policy: self, reason: "it does not say which node is to be emptied")
        case (.balance, _):
            var aim = BalanceAim()
            aim.movesMax = self.movesMax ?? aim.movesMax
            aim.memoryMiBMax = self.memoryMiBMax ?? aim.memoryMiBMax
            aim.gainMinPermille = self.gainMinPermille ?? aim.gainMinPermille
            return .balance(aim)
        case (.consolidate, _): return .consolidate
        }
    }
}

/// An aim that can be written down but not be planned for.
package struct UnavailablePolicy: Error, Hashable, Sendable, CustomStringConvertible {
    package var policy: SnapshotPolicy
    package var reason: String

    package var description: String { "policy \(self.policy.name.rawValue): \(self.reason)" }
}
