package import Basis

/// How to come from the mapping of a problem to a better one: steps in order, each of migrations that may run together.
///
/// Memory suffices at every instant even when, within a step, everything arrives before anything leaves.
package struct ReconfigurationPlan: Hashable, Sendable {
    package var steps: [[Migration]]
    package var cost: MigrationCost
    /// Memory of the VMs moved, in MiB; a VM with two hops counts twice.
    package var memoryMiB: Int
    /// What is to be feared of the mapping it leads to.
    package var risk: PlacementRisk
    /// What the breaches of soft constraints that are left cost, in the unit of ``MigrationCost/weight``.
    package var softCost: Int

    package init(
        steps: [[Migration]], cost: MigrationCost, memoryMiB: Int, risk: PlacementRisk, softCost: Int = 0
    ) {
        self.steps = steps
        self.cost = cost
        self.memoryMiB = memoryMiB
        self.risk = risk
        self.softCost = softCost
    }

    /// What a solver makes least: the migrations and the breaches of soft constraints that are left.
    package var totalCost: MigrationCost { self.cost + MigrationCost(weight: self.softCost, migrations: 0) }

    /// Every migration in the order of the steps.
    package var migrations: [Migration] { self.steps.flatMap { $0 } }

    /// Every node that a migration leaves or enters, in the order of the ids.
    package var nodes: [NodeID] { Set(self.migrations.flatMap { [$0.from, $0.to] }).sorted() }

    /// Where the VMs are when every migration has succeeded.
    package func mapping(after first: Mapping) -> Mapping {
        self.migrations.reduce(into: first) { mapping, migration in mapping[migration.vm] = migration.to }
    }
}

/// One live migration of a plan.
package struct Migration: Hashable, Sendable, CustomStringConvertible {
    package var vm: VMID
    package var from: NodeID
    package var to: NodeID
    package var reason: MigrationReason

    package init(vm: VMID, from: NodeID, to: NodeID, reason: MigrationReason) {
        self.vm = vm
        self.from = from
        self.to = to
        self.reason = reason
    }

    package var description: String { "\(self.vm): \(self.from) → \(self.to) (\(self.reason))" }
}

/// Why a VM is moved.
package enum MigrationReason: Hashable, Sendable, CustomStringConvertible {
    /// The node it leaves is overloaded.
    case relieves(NodeID, Resource)
    /// The node it leaves is to be emptied: drained, or consolidated.
    case empties(NodeID)
    /// A constraint, in words, is broken where it stands.
    case mends(constraint: String)
    /// The policy is to use nodes evenly, and the node it leaves is used more than others.
    case evensOut(NodeID)
    /// It makes room on the node it leaves for VMs that come.
    case makesRoom(NodeID)
    /// A constraint, in words, binds it to a VM that moves.
    case follows(constraint: String)
    /// It steps aside for a while, so that others can pass; a later step takes it on.
    case stepsAside(NodeID)
    /// It goes on from where it had stepped aside.
    case movesOn(NodeID)

    package var description: String {
        switch self {
        case .relieves(let node, let resource): "relieves \(node) of \(resource) overload"
        case .empties(let node): "empties \(node)"
        case .evensOut(let node): "evens out \(node)"
        case .mends(let constraint): "mends \(constraint)"
        case .makesRoom(let node): "makes room on \(node)"
        case .follows(let constraint): "follows \(constraint)"
        case .stepsAside(let node): "steps aside from \(node)"
        case .movesOn(let node): "moves on from \(node)"
        }
    }
}
