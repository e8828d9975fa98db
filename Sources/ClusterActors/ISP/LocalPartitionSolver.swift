package import Placement

/// Solves on the pool's threads, so that the agent's actor goes on renewing leases meanwhile (T3).
package struct LocalPartitionSolver: PartitionSolver {
    package init() {}

    @concurrent
    package func solve(_ problem: PlacementProblem, stepsMax: Int, seed: UInt64) async -> PartitionVerdict {
        do {
            let report = try RepairSolver.solve(
                problem, budget: SolverBudget(stepsMax: stepsMax), seed: seed, isCancelled: { Task.isCancelled })
            return PartitionVerdict(
                verdict: Self.checked(Verdict(report.outcome), for: problem), steps: report.stepsUsed,
                isCutShort: report.outcome.isCutShort)
        } catch {
            return PartitionVerdict(verdict: .none(reason: "the partition makes no sense: \(error)"))
        }
    }

    /// No plan is carried out that an independent replay finds fault with.
    private static func checked(_ verdict: Verdict, for problem: PlacementProblem) -> Verdict {
        let plan: ReconfigurationPlan
        let claim: PlanChecker.Claim
        switch verdict {
        case .plan(let viable): (plan, claim) = (viable, .viable)
        case .improvement(let partial, _): (plan, claim) = (partial, .improvement)
        case .viable, .none: return verdict
        }
        let defects = PlanChecker(problem).defects(of: plan, claim: claim)
        guard !defects.isEmpty else { return verdict }
        let words = defects.map(\.description).joined(separator: "; ")
        return .none(reason: "the plan found does not stand up to the checker: \(words)")
    }
}

extension SolverOutcome {
    /// Whether nothing viable was found, and nothing shows that there is none.
    fileprivate var isCutShort: Bool {
        switch self {
        case .gaveUp, .improved(_, _, isProven: false): true
        case .alreadyViable, .plan, .improved, .impossible, .cancelled: false
        }
    }
}

extension Verdict {
    /// How many of the things that stay wrong are told.
    private static let obstaclesMax = 4

    package init(_ outcome: SolverOutcome) {
        switch outcome {
        case .alreadyViable: self = .viable
        case .plan(let plan, _): self = .plan(plan)
        case .improved(let plan, let remaining, _): self = .improvement(plan, remaining: Self.words(remaining))
        case .impossible(let obstacles): self = .none(reason: Self.words(obstacles))
        case .gaveUp(let obstacles): self = .none(reason: "no plan within the solver's steps: " + Self.words(obstacles))
        case .cancelled: self = .none(reason: "the solve was cancelled")
        }
    }

    private static func words(_ obstacles: [PlacementObstacle]) -> String {
        let told = obstacles.prefix(Self.obstaclesMax).map(\.description)
        let rest = obstacles.count - told.count
        return (told + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: " | ")
    }
}
