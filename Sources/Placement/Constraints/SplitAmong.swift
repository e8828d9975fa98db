package import Basis

/// Each group of VMs stands in one group of nodes, and different groups of VMs in different groups of nodes. Discrete
/// by default.
///
/// Groups are to be disjoint; what is listed in several belongs to the first (see
/// ``PlacementProblem/contradictions``).
package struct SplitAmong: PlacementConstraint {
    package static let typeName = "splitAmong"
    /// In the order given; the VMs of each in the order of their ids.
    package let vmGroups: [[VMID]]
    /// In the order given; the nodes of each in the order of their ids.
    package let nodeGroups: [[NodeID]]
    package let isContinuous: Bool
    private let vmGroupOf: [VMID: Int]
    private let nodeGroupOf: [NodeID: Int]

    package init(vmGroups: [[VMID]], nodeGroups: [[NodeID]], isContinuous: Bool = false) {
        self.vmGroups = vmGroups.map { Set($0).sorted() }
        self.nodeGroups = nodeGroups.map { Set($0).sorted() }
        self.vmGroupOf = firstGroups(vmGroups)
        self.nodeGroupOf = firstGroups(nodeGroups)
        self.isContinuous = isContinuous
    }

    package var vms: [VMID] { self.vmGroupOf.keys.sorted() }

    package var nodes: [NodeID] { self.nodeGroupOf.keys.sorted() }

    /// One breach for each node group too many of a VM group, one for each VM group too many of a node group, and one
    /// for each VM and node on which it stands that is in no group.
    package func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        var breaches: [ConstraintBreach] = []
        var firstInVMGroup: [Int: VMID] = [:]
        var firstInNodeGroup: [Int: VMID] = [:]
        var met: Set<[Int]> = []
        for vm in self.vms {
            for node in occupancy.nodes(of: vm) {
                guard let vmGroup = self.vmGroupOf[vm] else { continue }
                guard let nodeGroup = self.nodeGroupOf[node] else {
                    breaches.append(self.breach(vm))
                    continue
                }
                guard met.insert([vmGroup, nodeGroup]).inserted else { continue }
                if let other = firstInVMGroup[vmGroup] { breaches.append(self.breach(other, vm)) }
                if let other = firstInNodeGroup[nodeGroup] { breaches.append(self.breach(other, vm)) }
                firstInVMGroup[vmGroup] = firstInVMGroup[vmGroup] ?? vm
                firstInNodeGroup[nodeGroup] = firstInNodeGroup[nodeGroup] ?? vm
            }
        }
        return breaches
    }

    package var searchRules: [SearchRule] {
        [
            .presence(
                PresenceRule(
                    classes: self.vmGroups, places: self.nodeGroups, onePlacePerClass: true, oneClassPerPlace: true))
        ]
    }

    package var description: String {
        self.described("\(grouped(self.vmGroups)) in \(grouped(self.nodeGroups))")
    }
}
