package import Basis

/// What a solve came to, and what it took.
package struct SolverReport: Hashable, Sendable {
    package var outcome: SolverOutcome
    /// Work done, in steps of ``SolverBudget``.
    package var stepsUsed: Int

    package init(outcome: SolverOutcome, stepsUsed: Int) {
        self.outcome = outcome
        self.stepsUsed = stepsUsed
    }
}

/// What a solve came to.
package enum SolverOutcome: Hashable, Sendable {
    /// Nothing needs to be moved, nor is anything known that would be worth it for the sake of soft constraints.
    case alreadyViable
    /// A plan after which the mapping is viable.
    case plan(ReconfigurationPlan, PlanOptimality)
    /// No plan makes the mapping viable, or none was found; this one makes it less wrong and nothing worse.
    /// `remaining` is what stays wrong. With `isProven` there is no viable plan at all.
    case improved(ReconfigurationPlan, remaining: [PlacementObstacle], isProven: Bool)
    /// Proven: no plan makes the mapping viable. None that makes it less wrong was found, or it would be of no use.
    case impossible([PlacementObstacle])
    /// The budget ran out before a plan or a proof was found.
    case gaveUp([PlacementObstacle])
    case cancelled
}

/// How good a plan is known to be, by ``ReconfigurationPlan/totalCost``; risk, which decides between plans of equal cost, is not part of it.
package enum PlanOptimality: Hashable, Sendable {
    /// No plan costs less.
    case proven
    /// No plan costs less than `atLeast`.
    case feasible(atLeast: MigrationCost)
}

/// Why a VM cannot be moved at all.
package enum Immovability: Hashable, Sendable, CustomStringConvertible {
    case rooted(reason: String)
    case nodeOffline(NodeID)
    /// Constraints and node states leave no other node for it.
    case nowhereAllowed

    package var description: String {
        switch self {
        case .rooted(let reason): "it must not be moved: \(reason)"
        case .nodeOffline(let node): "its node \(node) is offline"
        case .nowhereAllowed: "no other node may take it"
        }
    }
}

/// Something that is wrong with a mapping and could not be mended, with why each VM concerned stays.
package struct PlacementObstacle: Hashable, Sendable, CustomStringConvertible {
    /// How many VMs are told about for each defect.
    package static let refusalsMax = 32

    package var defect: MappingDefect
    /// In the order of the VMs' ids; the first ``refusalsMax``.
    package var refusals: [VMRefusal]

    package init(defect: MappingDefect, refusals: [VMRefusal]) {
        self.defect = defect
        self.refusals = refusals
    }

    package var description: String {
        ([self.defect.description] + self.refusals.map(\.description)).joined(separator: "; ")
    }
}

/// One thing that is wrong with a mapping.
package enum MappingDefect: Hashable, Sendable, CustomStringConvertible {
    case overloaded(Overload)
    case stranded(StrandedVM)
    case broken(ConstraintBreach)
    /// All nodes together may give less than all VMs together want.
    case tooLittleInTotal(Resource, demand: Int, limit: Int)

    package var description: String {
        switch self {
        case .overloaded(let overload): overload.description
        case .stranded(let stranded): "\(stranded.vm) is to leave \(stranded.node)"
        case .broken(let breach): breach.description
        case .tooLittleInTotal(let resource, let demand, let limit):
            "all VMs want \(demand) \(resource.unit) of \(resource), all nodes may give \(limit)"
        }
    }
}

/// Why one VM stays where it is.
package struct VMRefusal: Hashable, Sendable, CustomStringConvertible {
    package var vm: VMID
    package var reason: RefusalReason

    package init(vm: VMID, reason: RefusalReason) {
        self.vm = vm
        self.reason = reason
    }

    package var description: String { "\(self.vm): \(self.reason)" }
}

package enum RefusalReason: Hashable, Sendable, CustomStringConvertible {
    case immovable(Immovability)
    /// Of the nodes that may take it, none has room; on `nearest` the least is missing.
    case noRoom(nodes: Int, nearest: NodeID, missing: Int, of: Resource)
    /// It would fit on nodes where another constraint, in words, would then be broken.
    case constraintElsewhere(String, on: NodeID)
    /// It would fit there, but moving it alone mends nothing, or what it needs there was given to another.
    case wouldFit(on: NodeID)

    package var description: String {
        switch self {
        case .immovable(let immovability): immovability.description
        case .noRoom(let nodes, let nearest, let missing, let resource):
            "none of \(nodes) nodes has room; \(nearest) lacks the least, \(missing) \(resource.unit) of \(resource)"
        case .constraintElsewhere(let constraint, let node): "on \(node) it would break \(constraint)"
        case .wouldFit(let node): "it would fit on \(node), which alone does not suffice"
        }
    }
}
