package import Basis
package import Placement

/// A fleet, or a part of one, at one instant, with what must hold of it and the aim: what `dvms-snapshot/1` says.
///
/// Keys that other programs need not know, and that are written only where they say something: `partition`, `outside`,
/// a node's thresholds, a VM's `cpu_variance` and `rooted_because`, and flight caps and `demand_persistence_percent` in the
/// policy. With them every ``PlacementProblem`` has a snapshot that makes the same problem again.
package struct Snapshot: Sendable {
    package static let format = "dvms-snapshot/1"

    /// Whether this is a part of a fleet: then constraints may name VMs and nodes that are not here, and a VM may be
    /// larger than any node here.
    package var isPartition: Bool
    package var nodes: [SnapshotNode]
    package var vms: [SnapshotVM]
    /// Where VMs are that are no part of the problem. Empty but in a partition.
    package var outside: Mapping
    package var constraints: [SnapshotConstraint]
    package var policy: SnapshotPolicy

    package init(
        isPartition: Bool = false, nodes: [SnapshotNode], vms: [SnapshotVM], outside: Mapping = Mapping(),
        constraints: [SnapshotConstraint] = [], policy: SnapshotPolicy = SnapshotPolicy()
    ) {
        self.isPartition = isPartition
        self.nodes = nodes
        self.vms = vms
        self.outside = outside
        self.constraints = constraints
        self.policy = policy
    }
}

package struct SnapshotNode: Hashable, Sendable {
    package var node: Node
    /// Its own thresholds, where they are not the policy's.
    package var thresholds: LoadThresholds?

    package init(_ node: Node, thresholds: LoadThresholds? = nil) {
        self.node = node
        self.thresholds = thresholds
    }
}

package struct SnapshotVM: Hashable, Sendable {
    package var vm: VirtualMachine
    package var node: NodeID

    package init(_ vm: VirtualMachine, on node: NodeID, vcpus: Int? = nil) {
        self.vm = vm
        self.vm.vcpus = vcpus ?? vm.vcpus
        self.node = node
    }

    /// How many virtual CPUs it has; nil when that is not known.
    package var vcpus: Int? { self.vm.vcpus > 0 ? self.vm.vcpus : nil }

    /// The numbers of virtual CPUs that a snapshot may state.
    package static let vcpusRange = 1...65_536

    /// Why a VM is rooted of which a snapshot says no more than that.
    package static let rootedReason = "the snapshot says so"
}

package struct SnapshotConstraint: Sendable {
    /// What people call it; nil when it has no name.
    package var id: String?
    package var constraint: any PlacementConstraint
    /// In MiB; nil when it is hard.
    package var weight: Int?

    package init(_ constraint: any PlacementConstraint, id: String? = nil, weight: Int? = nil) {
        self.id = id
        self.constraint = constraint
        self.weight = weight
    }
}

extension Snapshot {
    /// The snapshot of a problem, as an ISP has it: a part of a fleet.
    package init(of problem: PlacementProblem) {
        self.init(
            isPartition: true,
            nodes: problem.nodes.map { SnapshotNode($0, thresholds: problem.thresholdsByNode[$0.id]) },
            vms: problem.vms.compactMap { vm in problem.mapping[vm.id].map { SnapshotVM(vm, on: $0) } },
            outside: problem.outside,
            constraints: problem.constraints.map { SnapshotConstraint($0) }
                + problem.softConstraints.map { SnapshotConstraint($0.constraint, weight: $0.weight) },
            policy: SnapshotPolicy(of: problem))
    }

    /// The problem that this snapshot poses.
    ///
    /// - Throws: ``UnavailablePolicy`` for an aim that no solver here has.
    package func problem() throws(UnavailablePolicy) -> PlacementProblem {
        var thresholdsByNode: [NodeID: LoadThresholds] = [:]
        for node in self.nodes { thresholdsByNode[node.node.id] = node.thresholds }
        return PlacementProblem(
            nodes: self.nodes.map(\.node), vms: self.vms.map(\.vm),
            mapping: Mapping(self.vms.lazy.map { (vm: $0.vm.id, node: $0.node) }),
            constraints: self.constraints.filter { $0.weight == nil }.map(\.constraint),
            softConstraints: self.constraints.compactMap { constraint in
                constraint.weight.map { SoftConstraint(constraint.constraint, weight: $0) }
            },
            outside: self.outside, policy: try self.policy.placementPolicy(),
            thresholds: LoadThresholds(
                overloadPercent: self.policy.overloadPercent, underloadPercent: self.policy.underloadPercent),
            thresholdsByNode: thresholdsByNode, flightCaps: self.policy.flightCaps ?? FlightCaps(),
            costWeights: self.policy.weights, demandPersistencePercent: self.policy.demandPersistencePercent)
    }
}
