package import Basis
import Placement

extension Snapshot {
    /// The same fleet with another aim; limits that belong to the aim that was stated go with it.
    package func with(_ name: SnapshotPolicy.Name) -> Snapshot {
        guard name != self.policy.name else { return self }
        var snapshot = self
        snapshot.policy = SnapshotPolicy(
            name, overloadPercent: self.policy.overloadPercent, targetPercent: self.policy.targetPercent,
            underloadPercent: self.policy.underloadPercent, flightCaps: self.policy.flightCaps,
            weights: self.policy.weights, demandPersistencePercent: self.policy.demandPersistencePercent)
        return snapshot
    }

    /// The CPU demands that ``scalingCPU(to:on:)`` takes, in percent of what they are.
    package static let scaleRange = 0...10_000

    /// The same fleet with the CPU demand of VMs changed: what would be, were they busier or idler.
    ///
    /// - Parameters:
    ///   - percent: of what each wants, within ``scaleRange``; rounded up.
    ///   - nodes: whose VMs are meant; all when empty.
    package func scalingCPU(to percent: Int, on nodes: Set<NodeID> = []) -> Snapshot {
        precondition(Self.scaleRange.contains(percent), "a scale is checked where it comes in")
        var snapshot = self
        for index in snapshot.vms.indices where nodes.isEmpty || nodes.contains(snapshot.vms[index].node) {
            let demand = snapshot.vms[index].vm.demand.cpuMillicores
            snapshot.vms[index].vm.demand.cpuMillicores = min((demand * percent + 99) / 100, Resources.amountMax)
        }
        return snapshot
    }
}
