package import Basis

/// One reason why a plan must not be executed. Steps count from 1.
package enum PlanDefect: Hashable, Sendable, CustomStringConvertible {
    case emptyStep(Int)
    case unknownVM(VMID, step: Int)
    case unknownNode(NodeID, step: Int)
    case notAtSource(VMID, stated: NodeID, actual: NodeID, step: Int)
    case leadsNowhere(VMID, NodeID, step: Int)
    case movedTwiceInStep(VMID, step: Int)
    /// It is rooted, or on an offline node.
    case immovable(VMID, step: Int)
    case destinationNotActive(VMID, NodeID, NodeState, step: Int)
    /// Under a policy that empties a node: the destination is that node, or hosts nothing.
    case destinationClosed(VMID, NodeID, step: Int)
    /// With all arrivals of the step, before any departure, a continuous constraint has more breaches than before.
    case brokenOnTheWay(ConstraintBreach, step: Int)
    /// With all arrivals of the step, before any departure. Both in MiB.
    case memoryExceeded(NodeID, needed: Int, usable: Int, step: Int)
    case tooManyIn(NodeID, count: Int, cap: Int, step: Int)
    case tooManyOut(NodeID, count: Int, cap: Int, step: Int)
    case costMisstated(stated: MigrationCost, actual: MigrationCost)
    case memoryMisstated(stated: Int, actual: Int)
    /// In the unit of ``MigrationCost/weight``.
    case softCostMisstated(stated: Int, actual: Int)
    /// The plan was to make the mapping viable.
    case notViable(Viability)
    /// The plan was to make the mapping less wrong.
    case noImprovement(before: ViolationMeasure, after: ViolationMeasure)
    /// This node is more overloaded than before.
    case worsened(Overload)

    package var description: String {
        switch self {
        case .emptyStep(let step): "step \(step) is empty"
        case .unknownVM(let vm, let step): "step \(step): VM \(vm) is unknown"
        case .unknownNode(let node, let step): "step \(step): node \(node) is unknown"
        case .notAtSource(let vm, let stated, let actual, let step):
            "step \(step): \(vm) is said to be on \(stated) and is on \(actual)"
        case .leadsNowhere(let vm, let node, let step): "step \(step): \(vm) is to go to \(node), where it is"
        case .movedTwiceInStep(let vm, let step): "step \(step): \(vm) is moved twice"
        case .immovable(let vm, let step): "step \(step): \(vm) must not be moved"
        case .destinationNotActive(let vm, let node, let state, let step):
            "step \(step): \(vm) is to go to \(node), which is \(state)"
        case .destinationClosed(let vm, let node, let step):
            "step \(step): \(vm) is to go to \(node), which is to stay empty"
        case .brokenOnTheWay(let breach, let step): "step \(step): \(breach)"
        case .memoryExceeded(let node, let needed, let usable, let step):
            "step \(step): \(node) would hold \(needed) MiB of \(usable)"
        case .tooManyIn(let node, let count, let cap, let step):
            "step \(step): \(count) migrations into \(node), at most \(cap) may be"
        case .tooManyOut(let node, let count, let cap, let step):
            "step \(step): \(count) migrations out of \(node), at most \(cap) may be"
        case .costMisstated(let stated, let actual):
            "the cost is \(actual.weight) with \(actual.migrations) migrations,"
                + " not \(stated.weight) with \(stated.migrations)"
        case .memoryMisstated(let stated, let actual): "\(actual) MiB are moved, not \(stated)"
        case .softCostMisstated(let stated, let actual): "breaches of soft constraints cost \(actual), not \(stated)"
        case .notViable(let viability):
            "it does not end in a viable mapping: "
                + (viability.overloads.map(\.description) + viability.stranded.map { "\($0.vm) is left on \($0.node)" }
                + viability.breaches.map(\.description)).joined(separator: ", ")
        case .noImprovement(let before, let after): "the violation goes from \(before.total) to \(after.total) permille"
        case .worsened(let overload): "worse than before: \(overload)"
        }
    }
}
