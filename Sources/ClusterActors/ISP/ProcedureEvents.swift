package import Basis
package import Placement

/// What a procedure is told, and what it answers.
extension Procedure {
    package enum Event: Sendable {
        case started
        case answered(NodeID, ReserveReply, sentAt: MonotonicInstant)
        case silent(NodeID)
        case solved(PartitionVerdict)
        /// The answers of the nodes that were asked to confirm or to show themselves again.
        case renewed([NodeID: Renewal])
        case executed(ExecutionReport)
        /// One of the ISPs that this one is blocked on is over.
        case metEnded(ISPID)
        /// An ISP with an earlier key is blocked on this one.
        case toldToYield(to: ISPID)
        case waitedLongEnough
        case rested
        case cancelled
        case deadlinePassed
    }

    package enum Renewal: Sendable {
        case renewed(Revision, NodeSnapshot?, sentAt: MonotonicInstant)
        case stale
        case silent
    }

    package enum Decision: Sendable {
        case reserve(NodeID)
        case solve
        /// Renew these nodes, with fresh snapshots, and report all answers.
        case renew([NodeID])
        /// Release `surplus`, then carry out the plan.
        case execute(ReconfigurationPlan, surplus: [NodeID: Epoch])
        /// Poll these ISPs until one has ended, or yield to one of them.
        case wait(on: [ISPID])
        case rest(Duration)
        case finish(Outcome)
    }
}

/// What came of a plan.
package struct ExecutionReport: Hashable, Sendable {
    package var moved: Int
    /// The first thing that went wrong, in words; nil when every action was done.
    package var failure: String?
    package var isCancelled: Bool

    package init(moved: Int, failure: String?, isCancelled: Bool) {
        self.moved = moved
        self.failure = failure
        self.isCancelled = isCancelled
    }
}
