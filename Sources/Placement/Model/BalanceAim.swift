/// How evenly nodes are to be used, and how much may be moved for it.
package struct BalanceAim: Hashable, Sendable {
    /// What each term of the imbalance counts for.
    package var weights: BalanceWeights
    /// At most as many VMs are moved.
    package var movesMax: Int
    /// At most as much memory is moved, in MiB.
    package var memoryMiBMax: Int
    /// A move must lower the imbalance by at least this, in thousandths.
    package var gainMinPermille: Int

    package init(
        weights: BalanceWeights = BalanceWeights(), movesMax: Int = PlacementProblem.vmsMax,
        memoryMiBMax: Int = PlacementProblem.memoryMiBMax, gainMinPermille: Int = 1
    ) {
        self.weights = weights
        self.movesMax = movesMax
        self.memoryMiBMax = memoryMiBMax
        self.gainMinPermille = gainMinPermille
    }
}

/// The terms of an ``Imbalance`` and what each counts for; 0 leaves a term out. The defaults are those of Ganeti's hbal
/// for VMs on shared storage.
package struct BalanceWeights: Hashable, Sendable {
    /// CPU demand ÷ what the node may give.
    package var cpu: Int
    /// Memory demand ÷ what the node may give.
    package var memory: Int
    /// Virtual CPUs ÷ cores.
    package var vcpus: Int

    package init(cpu: Int = 1, memory: Int = 2, vcpus: Int = 1) {
        self.cpu = cpu
        self.memory = memory
        self.vcpus = vcpus
    }
}
