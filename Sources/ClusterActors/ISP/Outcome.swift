import Basis
package import Placement

/// How an ISP ended; exactly one each (PROTOCOL.md P5).
package enum Outcome: Hashable, Sendable {
    /// The plan was viable and every action of it was done.
    case solved
    /// The trigger was gone before anything was moved.
    case moot
    /// No viable plan, or not all of it: the violation was made smaller.
    case improved(remaining: String)
    /// The whole ring was asked, nothing was skipped because it was held, and there is no plan.
    case unsolvable(reason: String)
    /// The whole ring was asked, and those who hold the rest did not end in time.
    case blocked(by: [ISPID])
    /// An ISP with an earlier key was blocked on this one: everything was released for it.
    case yielded(to: ISPID)
    /// The plan waits for the operator.
    case recommended(ReconfigurationPlan)
    case cancelled
    case failed(reason: String)

    /// Every ``name`` there is, in the order of the cases.
    package static let names = [
        "solved", "moot", "improved", "unsolvable", "blocked", "yielded", "recommended", "cancelled", "failed",
    ]

    /// One word for journals and tables.
    package var name: String {
        switch self {
        case .solved: "solved"
        case .moot: "moot"
        case .improved: "improved"
        case .unsolvable: "unsolvable"
        case .blocked: "blocked"
        case .yielded: "yielded"
        case .recommended: "recommended"
        case .cancelled: "cancelled"
        case .failed: "failed"
        }
    }

    /// Whether something stays wrong because no plan was found that puts it right.
    var isForWantOfAPlan: Bool {
        switch self {
        case .improved, .unsolvable, .blocked: true
        case .solved, .moot, .yielded, .recommended, .cancelled, .failed: false
        }
    }

    /// The rest of the story in words; empty where the name says it all.
    package var detail: String {
        switch self {
        case .solved, .moot, .cancelled: ""
        case .recommended(let plan): "\(plan.migrations.count) migrations, \(plan.memoryMiB) MiB"
        case .improved(let remaining): remaining
        case .unsolvable(let reason), .failed(let reason): reason
        case .blocked(let others): "by " + others.map(\.description).joined(separator: ", ")
        case .yielded(let winner): "to \(winner)"
        }
    }
}

/// What the solver found for one partition, as the procedure looks at it.
package enum Verdict: Sendable {
    /// Nothing is violated in this partition.
    case viable
    /// A plan after which nothing is violated.
    case plan(ReconfigurationPlan)
    /// A plan after which less is violated; `remaining` says what stays.
    case improvement(ReconfigurationPlan, remaining: String)
    /// Neither; `reason` names what stands in the way.
    case none(reason: String)

    /// Whether nothing is violated, or nothing need be.
    var isViable: Bool {
        switch self {
        case .viable, .plan: true
        case .improvement, .none: false
        }
    }
}
