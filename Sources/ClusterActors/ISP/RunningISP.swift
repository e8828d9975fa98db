package import Basis
package import Placement

/// The ISP that this node runs: a node starts one only when it is free, so there is at most one.
struct RunningISP {
    var procedure: Procedure
    let trigger: TriggerClass
    /// The plan that the operator has it carry out, if it was started for one.
    let applied: ReconfigurationPlan?
    /// The grant of the own node.
    let token: Token
    let began: MonotonicInstant
    var summary: ISPSummary
    /// Rung when an ISP it waits for may be over, when it is told to yield, and when it is cancelled.
    let bell = Bell()
    /// Rung when an action may have ended.
    var actionBells: [ActionID: Bell] = [:]
    var actionsOrdered: UInt64 = 0
    /// The grants that were given back while it runs.
    private var givenBack: [NodeID: Set<Epoch>] = [:]
    /// What it was last asked to solve, if no plan makes that viable or none was found.
    var unsolved: PlacementProblem?
    /// An ISP with an earlier key is blocked on this one.
    var yieldTo: ISPID?
    private(set) var isCancelled = false

    init(
        procedure: Procedure, trigger: TriggerClass, applied: ReconfigurationPlan?, token: Token,
        began: MonotonicInstant
    ) {
        self.procedure = procedure
        self.applied = applied
        self.trigger = trigger
        self.token = token
        self.began = began
        self.summary = ISPSummary(key: procedure.key, outcome: .moot)
    }

    mutating func cancel() {
        self.isCancelled = true
        self.bell.ring()
        for (_, bell) in self.actionBells.sorted(by: { $0.key < $1.key }) { bell.ring() }
    }

    mutating func gaveBack(_ node: NodeID, _ epoch: Epoch) {
        self.givenBack[node, default: []].insert(epoch)
    }

    func hasGivenBack(_ node: NodeID, _ epoch: Epoch) -> Bool {
        self.givenBack[node]?.contains(epoch) ?? false
    }

    mutating func nextAction() -> ActionID {
        self.actionsOrdered += 1
        return ActionID(isp: self.procedure.isp, number: self.actionsOrdered)
    }
}

/// A plan that was made and not carried out, because the operator decides.
package struct Recommendation: Hashable, Sendable {
    package var isp: ISPID
    package var trigger: TriggerClass
    package var plan: ReconfigurationPlan
    package var madeAt: MonotonicInstant
}
