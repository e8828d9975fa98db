package import Basis

/// What makes a problem impossible: as few of its demands as it takes.
package struct ConflictingSet: Hashable, Sendable, CustomStringConvertible {
    /// In the order of ``PlacementProblem/demands``.
    package var members: [ProblemDemand]
    /// Whether each member is needed: without it, the others can be met. False when the budget ran out before that was
    /// known of each; some may then be idle.
    package var isMinimal: Bool
    /// Work done, in steps of ``SolverBudget``.
    package var stepsUsed: Int

    package var description: String {
        "these cannot be met together\(self.isMinimal ? "" : " (not minimised)"): "
            + self.members.map(\.description).joined(separator: "; ")
    }
}

/// One thing that a problem demands of a mapping, and that could be given up.
package enum ProblemDemand: Hashable, Sendable, CustomStringConvertible {
    /// A hard constraint, by its position in ``PlacementProblem/constraints``.
    case constraint(Int, String)
    /// That no node is overloaded in this resource.
    case resource(Resource)
    /// That this draining node is emptied and takes no VM.
    case drained(NodeID)
    /// That VMs that must not be moved stay.
    case immovableVMs

    package var description: String {
        switch self {
        case .constraint(_, let words): words
        case .resource(let resource): "what nodes may give of \(resource)"
        case .drained(let node): "\(node) is to be emptied"
        case .immovableVMs: "VMs that must not be moved"
        }
    }
}

extension PlacementProblem {
    /// Everything that is demanded and could be given up.
    package var demands: [ProblemDemand] {
        self.constraints.enumerated().map { .constraint($0.offset, $0.element.description) }
            + Resource.allCases.map { .resource($0) }
            + self.nodes.filter { $0.state == .draining }.map(\.id).sorted().map { .drained($0) }
            + (self.vms.contains { $0.migratability != .migratable } ? [.immovableVMs] : [])
    }

    /// The same problem with no more demanded than `demands`; soft constraints demand nothing.
    package func demanding(only demands: [ProblemDemand]) -> PlacementProblem {
        var problem = self
        problem.softConstraints = []
        problem.constraints = self.constraints.indices.filter { index in
            demands.contains { if case .constraint(index, _) = $0 { true } else { false } }
        }.map { self.constraints[$0] }
        for index in problem.nodes.indices {
            let node = problem.nodes[index].id
            for resource in Resource.allCases where !demands.contains(.resource(resource)) {
                problem.nodes[index].capacity[resource] = Resources.amountMax
                problem.nodes[index].reserved[resource] = 0
                problem.nodes[index].overcommitPercent[resource] = Node.overcommitPercentRange.upperBound
            }
            if problem.nodes[index].state == .draining, !demands.contains(.drained(node)) {
                problem.nodes[index].state = .active
            }
        }
        if !demands.contains(.immovableVMs) {
            for index in problem.vms.indices { problem.vms[index].migratability = .migratable }
        }
        return problem
    }
}

extension RepairSolver {
    /// Explains why `problem` is impossible; nil when that is not proven within `budget`.
    ///
    /// A deletion filter: one demand after the other is given up for good if the rest is still impossible. Source:
    /// Chinneck and Dravnieks, "Locating minimal infeasible constraint sets in linear programs" (1991).
    ///
    /// - Parameter budget: of all solves together.
    /// - Throws: ``InvalidPlacementProblem`` with everything that is wrong with `problem`.
    package static func conflictingSet(
        of problem: PlacementProblem, budget: SolverBudget, seed: UInt64, isCancelled: @escaping () -> Bool = { false }
    ) throws(InvalidPlacementProblem) -> ConflictingSet? {
        var stepsUsed = 0
        func isImpossible(_ demands: [ProblemDemand]) throws(InvalidPlacementProblem) -> Bool? {
            let left = SolverBudget(stepsMax: budget.stepsMax - stepsUsed)
            guard left.stepsMax > 0, !isCancelled() else { return nil }
            let report = try Self.solve(
                problem.demanding(only: demands), budget: left, seed: seed, isCancelled: isCancelled)
            stepsUsed += report.stepsUsed
            switch report.outcome {
            case .alreadyViable, .plan: return false
            case .impossible, .improved(_, _, isProven: true): return true
            case .improved(_, _, isProven: false), .gaveUp, .cancelled: return nil
            }
        }
        var members = problem.demands
        guard try isImpossible(members) == true else { return nil }
        var isMinimal = true
        for demand in problem.demands {
            let rest = members.filter { $0 != demand }
            switch try isImpossible(rest) {
            case true?: members = rest
            case false?: break
            case nil: isMinimal = false
            }
        }
        return ConflictingSet(members: members, isMinimal: isMinimal, stepsUsed: stepsUsed)
    }
}
