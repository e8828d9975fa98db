import Basis
import OrderedCollections
package import Placement

extension PlacementProblem {
    /// The placement problem of one partition, from what its members showed.
    ///
    /// A VM that two members show (it arrived at one after it had left the other's cached sample) counts where it was
    /// shown last; the local checks at both ends find out.
    package init(
        of partition: Partition, policy: PlacementPolicy, constraints: [any PlacementConstraint],
        flightCaps: FlightCaps, costWeights: CostWeights, demandPersistencePercent: Int
    ) {
        var nodes: [Node] = []
        var vms: [VMID: VirtualMachine] = [:]
        var mapping = Mapping()
        var thresholds: [NodeID: LoadThresholds] = [:]
        var bans: [any PlacementConstraint] = []
        for (id, member) in partition.members {
            nodes.append(member.snapshot.node)
            thresholds[id] = member.snapshot.thresholds
            for vm in member.snapshot.vms {
                vms[vm.id] = vm
                mapping[vm.id] = id
            }
            for ban in member.snapshot.returnBans where partition.contains(ban.node) {
                bans.append(Ban([ban.vm], from: [ban.node]))
            }
        }
        self.init(
            nodes: nodes, vms: vms.values.sorted { $0.id < $1.id }, mapping: mapping,
            constraints: constraints + bans, policy: policy, thresholdsByNode: thresholds, flightCaps: flightCaps,
            costWeights: costWeights, demandPersistencePercent: demandPersistencePercent)
    }
}
