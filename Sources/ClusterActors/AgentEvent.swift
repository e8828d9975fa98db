package import Basis
package import Hypervisor
package import Placement

/// What an agent tells its operator and its journal, in the order in which it happens.
package enum AgentEvent: Sendable {
    // The life of an ISP, told by its initiator.
    case ispStarted(ISPKey, reason: String)
    case asked(ISPID, NodeID)
    case granted(ISPID, NodeID, members: Int)
    /// The partition is not solved, as it cannot have a plan; it grows.
    case tooSmall(ISPID, members: Int, reason: String)
    case skipped(ISPID, NodeID, reason: String)
    /// The ask went past the partition of another ISP in one step.
    case hopped(ISPID, over: ISPID, from: NodeID, to: NodeID)
    case solved(ISPID, members: Int, verdict: String, steps: Int, duration: Duration)
    case confirmed(ISPID, ReconfigurationPlan, surplus: [NodeID])
    case waits(ISPID, on: [ISPID])
    case sweepsAgain(ISPID, sweep: Int)
    case memberLost(ISPID, NodeID, reason: String)
    case recommended(ISPID, ReconfigurationPlan)
    /// The last problem that the ISP did not find a viable plan for; told just before it ends.
    case unsolved(ISPID, PlacementProblem)
    case ispEnded(ISPSummary)

    // One migration, told by the initiator of its ISP.
    case migrationOrdered(ActionID, VMID, from: NodeID, to: NodeID, reason: String)
    case migrationProgress(ActionID, VMID, MigrationProgress)
    case migrationEnded(ActionID, VMID, from: NodeID, to: NodeID, ActionResult, duration: Duration, memoryMiB: Int)

    // The node's own part, told by the reserved node.
    case nodeGranted(Token)
    case nodeEnded(Token, Reservation.Ending)
    case flightBegan(ActionID, VMID, Reservation.Direction, peer: NodeID)
    case flightEnded(ActionID, VMID, Reservation.Direction, ActionResult)
    case handover(ActionID, VMID, HandoverRecord.Role, HandoverPhase)
    case inDoubt(VMID, reason: String)
    case settled(VMID, how: String)

    // The node itself.
    case agentStarted(boot: UInt64)
    case recovered(guests: Int)
    case triggerBegan(TriggerClass, load: Resources, capacity: Resources)
    case triggerEnded(TriggerClass)
    case hypervisorAway(reason: String)
    case hypervisorBack(String)
    case memberChanged(NodeID, MemberState)
    case marked(String)
    case storeFailed(reason: String)
}

/// One ISP in figures.
package struct ISPSummary: Hashable, Sendable {
    package var key: ISPKey
    package var outcome: Outcome
    /// From the reservation of the own node to the last release ordered.
    package var duration: Duration
    /// From the start to the plan that was carried out; nil without one.
    package var timeToPlan: Duration?
    package var membersPeak: Int
    package var nodesAsked: Int
    package var hops: Int
    package var sweeps: Int
    /// Requests that the initiator sent to other nodes for this ISP, retries included.
    package var messages: Int
    package var solves: Int
    package var solveSteps: Int
    package var solveDuration: Duration
    package var migrations: Int
    package var movedMiB: Int

    package init(key: ISPKey, outcome: Outcome) {
        self.key = key
        self.outcome = outcome
        self.duration = .zero
        self.timeToPlan = nil
        self.membersPeak = 1
        self.nodesAsked = 0
        self.hops = 0
        self.sweeps = 1
        self.messages = 0
        self.solves = 0
        self.solveSteps = 0
        self.solveDuration = .zero
        self.migrations = 0
        self.movedMiB = 0
    }
}
