package import Basis
package import OrderedCollections
package import Placement

/// What an iterative scheduling procedure does next: grow, skip, hop, solve, confirm, execute, wait, sweep again, end
/// (PROTOCOL.md §6). A pure value; the ISP task carries its decisions out and tells it what came of them.
///
///     growing ⇄ solving → confirming → executing → finished
///        └→ blocked → resting → growing        ↘ refreshing → solving
package struct Procedure: Sendable {
    private enum Phase {
        case created
        case growing(asked: NodeID, again: Bool)
        case solving
        case confirming(ReconfigurationPlan, remaining: String?)
        case executing(remaining: String?)
        case refreshing
        case blocked
        case resting
        case finished
    }

    package let isp: ISPID
    package let key: ISPKey
    package private(set) var partition: Partition
    package private(set) var sweep: Sweep
    /// The ISPs whose nodes were skipped in this sweep.
    package private(set) var met: OrderedSet<ISPID> = []
    /// The nodes that were passed over for another reason, with that reason in words.
    package private(set) var missed: OrderedDictionary<NodeID, String> = [:]
    package private(set) var sweeps = 1
    /// Over all sweeps.
    package private(set) var nodesAsked = 0
    package private(set) var hops = 0
    /// The largest partition so far.
    package private(set) var membersPeak = 1
    /// Whether somebody has joined since the last solve.
    private var hasUnplannedMember = false
    /// Why the partition was not solved when the last member joined; nil when it was, or is simply below the least size.
    package private(set) var whyTooSmall: String?
    /// From so many members on it is worth while to solve, after a search that was cut short (ADR 0017).
    private var membersToSolve = 0

    private let limits: ProcedureLimits
    private let timings: ProtocolTimings
    private let recommendOnly: Bool
    /// A plan that the operator has the ISP carry out: exactly its nodes are reserved, and it is checked again.
    private let applied: ReconfigurationPlan?
    private var phase = Phase.created
    /// The last plan that made the violation smaller without ending it.
    private var improvement: (plan: ReconfigurationPlan, remaining: String, plannedOn: [NodeID: Revision])?
    private var lastReason = "no other node could be asked"
    private var resolves = 0
    private var replans = 0
    private var hasMoved = false

    package init(
        key: ISPKey, own: Partition.Member, limits: ProcedureLimits, timings: ProtocolTimings,
        recommendOnly: Bool = false, applying plan: ReconfigurationPlan? = nil
    ) {
        self.isp = key.isp
        self.key = key
        self.partition = Partition(initiator: key.isp.node, own: own)
        self.sweep = Sweep(from: key.isp.node)
        self.limits = limits
        self.timings = timings
        self.recommendOnly = recommendOnly
        self.applied = plan
    }

    /// Only a blocked ISP yields.
    package var isBlocked: Bool {
        switch self.phase {
        case .blocked, .resting: true
        case .created, .growing, .solving, .confirming, .executing, .refreshing, .finished: false
        }
    }

    /// From here on flights may be under way, which no deadline cuts off (T7).
    package var isExecuting: Bool {
        if case .executing = self.phase { true } else { false }
    }

    /// For people: growing, solving, confirming, executing, blocked …
    package var phaseName: String {
        switch self.phase {
        case .created: "created"
        case .growing: "growing"
        case .solving: "solving"
        case .confirming: "confirming"
        case .executing: "executing"
        case .refreshing: "refreshing"
        case .blocked, .resting: "blocked"
        case .finished: "finished"
        }
    }

    /// What comes next after `event`. `triggerHolds` is looked at before each step that would go on.
    package mutating func handle(
        _ event: Event, triggerHolds: Bool, in view: MembershipView
    ) -> Decision {
        switch (self.phase, event) {
        case (.created, .started):
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)

        case (.growing(let asked, let again), .answered(let node, let reply, let sentAt)) where node == asked:
            return self.handle(reply, from: node, again: again, sentAt, triggerHolds: triggerHolds, in: view)

        case (.growing(let asked, let again), .silent(let node)) where node == asked:
            if !again {
                self.phase = .growing(asked: node, again: true)
                return .reserve(node)
            }
            self.missed[node] = "did not answer"
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)

        case (.solving, .solved(let report)):
            let count = self.partition.members.count
            if report.isCutShort { self.membersToSolve = self.limits.membersToSolve(afterSearchAmong: count) }
            return self.handle(report.verdict, triggerHolds: triggerHolds, in: view)

        case (.confirming(let plan, let remaining), .renewed(let answers)):
            return self.confirm(plan, remaining: remaining, answers, triggerHolds: triggerHolds, in: view)

        case (.refreshing, .renewed(let answers)):
            _ = self.take(answers)
            return self.solve()

        case (.executing(let remaining), .executed(let report)):
            return self.handle(report, remaining: remaining)

        case (.blocked, .metEnded), (.blocked, .waitedLongEnough), (.blocked, .rested), (.resting, .rested):
            return self.leaveBlocked(event, triggerHolds: triggerHolds, in: view)

        case (.blocked, .toldToYield(let winner)), (.resting, .toldToYield(let winner)):
            return self.finish(.yielded(to: winner))

        case (.executing, .cancelled), (.executing, .deadlinePassed):
            preconditionFailure("a flight is never cut off: cancellation must wait for the execution report")

        case (_, .cancelled):
            return self.finish(.cancelled)

        case (_, .deadlinePassed):
            let waits = !self.met.isEmpty
            return self.finish(waits ? .blocked(by: Array(self.met)) : .failed(reason: "the deadline passed"))

        case (.created, _), (.growing, _), (.solving, _), (.confirming, _), (.executing, _), (.refreshing, _),
            (.blocked, _), (.resting, _), (.finished, _):
            preconditionFailure("\(self.isp): an event that was not asked for came while \(self.phaseName)")
        }
    }

    // MARK: - What the renewals of the members tell meanwhile

    package mutating func memberRenewed(
        _ node: NodeID, epoch: Epoch, revision: Revision, snapshot: NodeSnapshot?, sentAt: MonotonicInstant
    ) {
        self.partition.renewed(node, epoch: epoch, revision: revision, snapshot: snapshot, sentAt: sentAt)
    }

    /// The node no longer belongs to this ISP: its lease lapsed. No action not yet accepted may name it.
    package mutating func memberLost(_ node: NodeID, epoch: Epoch) {
        guard self.partition[node]?.epoch == epoch else { return }
        self.partition.remove(node)
    }

    /// A node that no action of the plan names any more was released.
    package mutating func memberReleased(_ node: NodeID) -> Epoch? {
        self.partition.remove(node)?.epoch
    }

    // MARK: - Growing

    private mutating func grow(hint: NodeID?, triggerHolds: Bool, in view: MembershipView) -> Decision {
        if let applied = self.applied { return self.gather(applied) }
        guard triggerHolds else { return self.finish(self.hasMoved ? .solved : .moot) }
        guard self.sweep.asked < self.limits.hopsMax, self.partition.members.count < self.limits.membersMax else {
            return self.solveLast()
                ?? self.conclude(reason: "the limit of \(self.limits.membersMax) members was reached")
        }
        let hopsBefore = self.sweep.hops
        guard let next = self.sweep.advance(hint: hint, in: view, isMember: self.partition.contains) else {
            return self.solveLast() ?? self.endSweep()
        }
        self.hops += self.sweep.hops - hopsBefore
        self.nodesAsked += 1
        self.phase = .growing(asked: next, again: false)
        return .reserve(next)
    }

    /// Reserves the nodes of an applied plan one after the other; one that cannot be had makes the plan stale.
    private mutating func gather(_ applied: ReconfigurationPlan) -> Decision {
        if let held = self.met.first { return self.finish(.failed(reason: "a node of the plan is held by \(held)")) }
        if let (node, reason) = self.missed.elements.first {
            return self.finish(.failed(reason: "\(node) of the plan \(reason)"))
        }
        let others = applied.nodes.filter { $0 != self.isp.node }
        guard self.nodesAsked < others.count else {
            return self.finish(.failed(reason: "the plan is stale: \(self.lastReason)"))
        }
        let next = others[self.nodesAsked]
        self.nodesAsked += 1
        self.phase = .growing(asked: next, again: false)
        return .reserve(next)
    }

    private mutating func handle(
        _ reply: ReserveReply, from node: NodeID, again: Bool, _ sentAt: MonotonicInstant, triggerHolds: Bool,
        in view: MembershipView
    ) -> Decision {
        switch reply {
        case .granted(let grant):
            self.partition.add(
                node,
                Partition.Member(
                    epoch: grant.epoch, revision: grant.revision, snapshot: grant.snapshot, renewedAt: sentAt))
            self.membersPeak = max(self.membersPeak, self.partition.members.count)
            self.resolves = 0
            guard triggerHolds else { return self.finish(self.hasMoved ? .solved : .moot) }
            if let applied = self.applied, !applied.nodes.allSatisfy(self.partition.contains) {
                return self.gather(applied)
            }
            self.hasUnplannedMember = true
            return self.isWorthSolving ? self.solve() : self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
        case .held(let holder, let firstOut):
            // Held by a flight of one's own that was released early is not a foreign ISP: it would wait for itself.
            if holder == self.isp {
                self.missed[node] = "is still being given back"
            } else {
                self.met.append(holder)
            }
            return self.grow(hint: firstOut, triggerHolds: triggerHolds, in: view)
        case .busy:
            self.missed[node] = "is still being given back"
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
        case .refused(let refusal):
            self.missed[node] = "refused: \(refusal)"
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
        }
    }

    /// The round is over. P11: "unsolvable" may be said only if nothing was skipped because it was held.
    private mutating func endSweep() -> Decision {
        guard self.met.isEmpty else {
            self.phase = .blocked
            return .wait(on: Array(self.met))
        }
        return self.conclude(reason: self.lastReason)
    }

    private mutating func conclude(reason: String) -> Decision {
        if let improvement = self.improvement.take(),
            improvement.plannedOn == self.partition.revisions(of: improvement.plan.nodes)
        {
            return self.askToConfirm(improvement.plan, remaining: improvement.remaining)
        }
        let passedOver = self.missed.map { "\($0.key) \($0.value)" }.joined(separator: "; ")
        return self.finish(.unsolvable(reason: passedOver.isEmpty ? reason : "\(reason); passed over: \(passedOver)"))
    }

    // MARK: - Solving and confirming

    private mutating func solve() -> Decision {
        self.hasUnplannedMember = false
        self.phase = .solving
        return .solve
    }

    /// Whether the partition as it is can have a plan. What an improvement would come to is not looked for before the
    /// sweep is over (ADR 0012).
    private var isWorthSolving: Bool {
        mutating get {
            self.whyTooSmall = nil
            if self.applied != nil { return true }
            let count = self.partition.members.count
            guard count >= self.limits.membersMin else { return false }
            guard count >= self.membersToSolve else {
                self.whyTooSmall =
                    "the search among fewer was cut short; the next is among \(self.membersToSolve) nodes"
                return false
            }
            let shortage = self.partition.shortage(
                emptying: self.key.triggerClass == .underload ? self.isp.node : nil)
            self.whyTooSmall = shortage?.description
            return shortage == nil
        }
    }

    /// The sweep is over: what was gathered meanwhile is planned for, if it was not.
    private mutating func solveLast() -> Decision? { self.hasUnplannedMember ? self.solve() : nil }

    private mutating func handle(_ verdict: Verdict, triggerHolds: Bool, in view: MembershipView) -> Decision {
        switch verdict {
        case .viable:
            return self.finish(self.hasMoved ? .solved : .moot)
        case .plan(let plan):
            guard triggerHolds else { return self.finish(self.hasMoved ? .solved : .moot) }
            return self.askToConfirm(plan, remaining: nil)
        case .improvement(let plan, let remaining):
            if self.applied != nil { return self.askToConfirm(plan, remaining: remaining) }
            self.improvement = (plan, remaining, self.partition.revisions(of: plan.nodes))
            self.lastReason = remaining
        case .none(let reason):
            self.lastReason = reason
        }
        return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
    }

    private mutating func askToConfirm(_ plan: ReconfigurationPlan, remaining: String?) -> Decision {
        self.phase = .confirming(plan, remaining: remaining)
        return .renew(plan.nodes)
    }

    private mutating func confirm(
        _ plan: ReconfigurationPlan, remaining: String?, _ answers: [NodeID: Renewal], triggerHolds: Bool,
        in view: MembershipView
    ) -> Decision {
        let asPlanned = self.take(answers)
        guard asPlanned, plan.nodes.allSatisfy(self.partition.contains) else {
            self.improvement = nil
            self.resolves += 1
            guard self.resolves > self.limits.resolvesMax else { return self.solve() }
            self.lastReason = "the nodes changed while they were planned for, \(self.resolves) times"
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
        }
        guard !self.recommendOnly else { return self.finish(.recommended(plan)) }
        let surplus = self.partition.removeAll(except: plan.nodes)
        self.phase = .executing(remaining: remaining)
        return .execute(plan, surplus: surplus)
    }

    /// Takes fresh revisions and snapshots in and drops who is lost.
    ///
    /// - Returns: whether everybody answered with the revision that was planned on.
    private mutating func take(_ answers: [NodeID: Renewal]) -> Bool {
        var unchanged = true
        for node in self.partition.nodes {
            guard let answer = answers[node], let member = self.partition[node] else { continue }
            switch answer {
            case .renewed(let revision, let snapshot, let sentAt):
                unchanged = unchanged && revision == member.revision
                self.partition.renewed(
                    node, epoch: member.epoch, revision: revision, snapshot: snapshot, sentAt: sentAt)
            case .stale, .silent:
                unchanged = false
                self.missed[node] = "was lost before the plan was confirmed"
                self.partition.remove(node)
            }
        }
        return unchanged
    }

    // MARK: - Executing

    private mutating func handle(_ report: ExecutionReport, remaining: String?) -> Decision {
        self.hasMoved = self.hasMoved || report.moved > 0
        guard let failure = report.failure else {
            return self.finish(remaining.map { .improved(remaining: $0) } ?? .solved)
        }
        self.replans += 1
        guard self.replans <= self.limits.replansMax, !report.isCancelled else {
            return self.finish(report.isCancelled ? .cancelled : .failed(reason: failure))
        }
        self.lastReason = failure
        self.phase = .refreshing
        return .renew(self.partition.nodes)
    }

    // MARK: - Blocked

    private mutating func leaveBlocked(_ event: Event, triggerHolds: Bool, in view: MembershipView) -> Decision {
        guard triggerHolds else { return self.finish(self.hasMoved ? .solved : .moot) }
        switch event {
        case .metEnded:
            self.phase = .resting
            return .rest(self.timings.rest(afterSweeps: self.sweeps))
        case .waitedLongEnough:
            return self.finish(.blocked(by: Array(self.met)))
        case .rested:
            guard case .resting = self.phase else { return .wait(on: Array(self.met)) }
            self.met = []
            self.missed = [:]
            self.improvement = nil
            self.membersToSolve = 0
            self.sweep = Sweep(from: self.isp.node)
            self.sweeps += 1
            return self.grow(hint: nil, triggerHolds: triggerHolds, in: view)
        case .started, .answered, .silent, .solved, .renewed, .executed, .toldToYield, .cancelled, .deadlinePassed:
            preconditionFailure("not an event of a blocked ISP")
        }
    }

    private mutating func finish(_ outcome: Outcome) -> Decision {
        self.phase = .finished
        return .finish(outcome)
    }
}
