import Basis
import Hypervisor
package import Placement

/// How an event is written down: a kind to filter by, what it concerns, a sentence for people, and facts for machines.
extension AgentEvent {
    /// Every ``kind`` there is, in the order of the cases.
    package static let kinds = [
        "isp_started", "asked", "granted", "too_small", "skipped", "hopped", "solved", "confirmed", "waits",
        "sweeps_again",
        "member_lost", "recommended", "unsolved", "isp_ended", "migration_ordered", "migration_progress",
        "migration_ended",
        "node_granted", "node_released", "flight_began", "flight_ended", "handover", "in_doubt", "settled",
        "agent_started", "recovered", "trigger_began", "trigger_ended", "hypervisor_away", "hypervisor_back",
        "member_changed", "marked", "store_failed",
    ]

    package var kind: String {
        switch self {
        case .ispStarted: "isp_started"
        case .asked: "asked"
        case .granted: "granted"
        case .tooSmall: "too_small"
        case .skipped: "skipped"
        case .hopped: "hopped"
        case .solved: "solved"
        case .confirmed: "confirmed"
        case .waits: "waits"
        case .sweepsAgain: "sweeps_again"
        case .memberLost: "member_lost"
        case .recommended: "recommended"
        case .unsolved: "unsolved"
        case .ispEnded: "isp_ended"
        case .migrationOrdered: "migration_ordered"
        case .migrationProgress: "migration_progress"
        case .migrationEnded: "migration_ended"
        case .nodeGranted: "node_granted"
        case .nodeEnded: "node_released"
        case .flightBegan: "flight_began"
        case .flightEnded: "flight_ended"
        case .handover: "handover"
        case .inDoubt: "in_doubt"
        case .settled: "settled"
        case .agentStarted: "agent_started"
        case .recovered: "recovered"
        case .triggerBegan: "trigger_began"
        case .triggerEnded: "trigger_ended"
        case .hypervisorAway: "hypervisor_away"
        case .hypervisorBack: "hypervisor_back"
        case .memberChanged: "member_changed"
        case .marked: "marked"
        case .storeFailed: "store_failed"
        }
    }

    /// The ISP that the event belongs to.
    package var isp: ISPID? {
        switch self {
        case .ispStarted(let key, _): key.isp
        case .ispEnded(let summary): summary.key.isp
        case .asked(let isp, _), .granted(let isp, _, _), .tooSmall(let isp, _, _),
            .skipped(let isp, _, _), .hopped(let isp, _, _, _),
            .solved(let isp, _, _, _, _), .confirmed(let isp, _, _), .waits(let isp, _), .sweepsAgain(let isp, _),
            .memberLost(let isp, _, _), .recommended(let isp, _), .unsolved(let isp, _):
            isp
        case .migrationOrdered(let action, _, _, _, _), .migrationProgress(let action, _, _),
            .migrationEnded(let action, _, _, _, _, _, _), .flightBegan(let action, _, _, _),
            .flightEnded(let action, _, _, _), .handover(let action, _, _, _):
            action.isp
        case .nodeGranted(let token), .nodeEnded(let token, _): token.isp
        case .inDoubt, .settled, .agentStarted, .recovered, .triggerBegan, .triggerEnded, .hypervisorAway,
            .hypervisorBack, .memberChanged, .marked, .storeFailed:
            nil
        }
    }

    /// The guest that the event concerns.
    package var vm: VMID? {
        switch self {
        case .migrationOrdered(_, let vm, _, _, _), .migrationProgress(_, let vm, _),
            .migrationEnded(_, let vm, _, _, _, _, _), .flightBegan(_, let vm, _, _), .flightEnded(_, let vm, _, _),
            .handover(_, let vm, _, _), .inDoubt(let vm, _), .settled(let vm, _):
            vm
        case .ispStarted, .asked, .granted, .tooSmall, .skipped, .hopped, .solved, .confirmed, .waits, .sweepsAgain,
            .memberLost,
            .recommended, .unsolved, .ispEnded, .nodeGranted, .nodeEnded, .agentStarted, .recovered, .triggerBegan,
            .triggerEnded,
            .hypervisorAway, .hypervisorBack, .memberChanged, .marked, .storeFailed:
            nil
        }
    }

    /// One sentence, without the ISP and the guest where the journal names them beside it.
    package var text: String {
        switch self {
        case .ispStarted(_, let reason): "starts: \(reason)"
        case .asked(_, let node): "asks \(node) to join"
        case .granted(_, let node, let members): "\(node) joins; \(members) members"
        case .tooSmall(_, let members, let reason): "does not solve \(members) nodes yet: \(reason)"
        case .skipped(_, let node, let reason): "passes over \(node): \(reason)"
        case .hopped(_, let holder, let from, let to): "hops from \(from) to \(to), over the partition of \(holder)"
        case .solved(_, let members, let verdict, let steps, let duration):
            "solves \(members) nodes: \(verdict) (\(steps) steps, \(duration.inMilliseconds) ms)"
        case .confirmed(_, let plan, let surplus):
            surplus.isEmpty
                ? "\(plan.nodes.count) nodes confirm the plan"
                : "\(plan.nodes.count) nodes confirm the plan; releases \(surplus.map(\.name).joined(separator: " "))"
        case .waits(_, let others): "is blocked; waits for \(others.map(\.description).joined(separator: ", "))"
        case .sweepsAgain(_, let sweep): "goes round the ring again, sweep \(sweep)"
        case .memberLost(_, let node, let reason): "loses \(node): \(reason)"
        case .recommended(_, let plan): "recommends \(plan.migrations.map(\.description).joined(separator: "; "))"
        case .unsolved(_, let problem):
            "leaves a problem of \(problem.nodes.count) nodes and \(problem.vms.count) guests unsolved"
        case .ispEnded(let summary): summary.text
        case .migrationOrdered(_, let vm, let from, let to, let reason): "\(vm): \(from) → \(to), \(reason)"
        case .migrationProgress(_, let vm, let progress):
            "\(vm): \(progress.sentMiB) MiB sent, \(progress.remainingMiB) MiB left, round \(progress.round)"
        case .migrationEnded(_, let vm, let from, let to, let result, let duration, _):
            "\(vm): \(from) → \(to) \(result.text) after \(duration.inMilliseconds) ms"
        case .nodeGranted(let token): "the node is granted under epoch \(token.epoch)"
        case .nodeEnded(let token, let ending): "the grant of epoch \(token.epoch) ended: \(ending.rawValue)"
        case .flightBegan(_, let vm, .outgoing, let peer): "\(vm) is to go to \(peer)"
        case .flightBegan(_, let vm, .incoming, let peer): "\(vm) is to come from \(peer)"
        case .flightEnded(_, let vm, let direction, let result): "\(direction) flight of \(vm) \(result.text)"
        case .handover(_, let vm, let role, let phase): "handover of \(vm), \(role): \(phase)"
        case .inDoubt(let vm, let reason): "\(vm) is in doubt: \(reason)"
        case .settled(let vm, let how): "\(vm) is settled: \(how)"
        case .agentStarted(let boot): "the agent starts, boot \(boot)"
        case .recovered(let guests): "the node can be reserved; \(guests) guests"
        case .triggerBegan(let trigger, let load, let capacity):
            "\(trigger) holds: CPU \(load.cpuMillicores) of \(capacity.cpuMillicores) m, "
                + "memory \(load.memoryMiB) of \(capacity.memoryMiB) MiB"
        case .triggerEnded(let trigger): "\(trigger) is gone"
        case .hypervisorAway(let reason): "the hypervisor does not answer: \(reason)"
        case .hypervisorBack(let description): "the hypervisor answers: \(description)"
        case .memberChanged(let node, let state): "\(node) is \(state)"
        case .marked(let words): words
        case .storeFailed(let reason): "the journal cannot be written: \(reason)"
        }
    }

    /// The figures of the event, by name, in the order in which they are told.
    package var facts: [(name: String, value: String)] {
        switch self {
        case .ispStarted(let key, _): [("class", "\(key.triggerClass)"), ("birth", "\(key.birth)")]
        case .asked(_, let node): [("node", node.name)]
        case .granted(_, let node, let members): [("node", node.name), ("members", "\(members)")]
        case .tooSmall(_, let members, let reason): [("members", "\(members)"), ("reason", reason)]
        case .skipped(_, let node, let reason): [("node", node.name), ("reason", reason)]
        case .hopped(_, let holder, let from, let to):
            [("over", "\(holder)"), ("from", from.name), ("to", to.name)]
        case .solved(_, let members, _, let steps, let duration):
            [("members", "\(members)"), ("steps", "\(steps)"), ("microseconds", "\(duration.inNanoseconds / 1_000)")]
        case .migrationOrdered(let action, _, let from, let to, let reason):
            [("action", "\(action.number)"), ("from", from.name), ("to", to.name), ("reason", reason)]
        case .migrationProgress(_, _, let progress):
            [("sent_mib", "\(progress.sentMiB)"), ("remaining_mib", "\(progress.remainingMiB)")]
        case .migrationEnded(let action, _, let from, let to, let result, let duration, let memoryMiB):
            [
                ("action", "\(action.number)"), ("from", from.name), ("to", to.name), ("result", result.text),
                ("ms", "\(duration.inMilliseconds)"), ("memory_mib", "\(memoryMiB)"),
            ]
        case .nodeGranted(let token): [("epoch", "\(token.epoch)")]
        case .nodeEnded(let token, let ending): [("epoch", "\(token.epoch)"), ("ending", ending.rawValue)]
        case .unsolved(_, let problem): [("nodes", "\(problem.nodes.count)"), ("guests", "\(problem.vms.count)")]
        case .ispEnded(let summary): summary.facts
        case .memberChanged(let node, let state): [("member", node.name), ("state", "\(state)")]
        case .confirmed(_, let plan, _): [("plan", plan.text)]
        case .waits, .sweepsAgain, .memberLost, .recommended, .flightBegan, .flightEnded, .handover, .inDoubt,
            .settled, .agentStarted, .recovered, .triggerBegan, .triggerEnded, .hypervisorAway,
            .hypervisorBack, .marked, .storeFailed:
            []
        }
    }
}

extension ReconfigurationPlan {
    /// The steps in order, and the migrations of each, which run together.
    fileprivate var text: String {
        self.steps.map { step in
            step.map { "\($0.vm) \($0.from) → \($0.to)" }.joined(separator: ", ")
        }.joined(separator: "; ")
    }
}

extension ISPSummary {
    package var text: String {
        let end = self.outcome.detail.isEmpty ? self.outcome.name : "\(self.outcome.name): \(self.outcome.detail)"
        return "ends \(end), after \(self.duration.inMilliseconds) ms: \(self.migrations) migrations, "
            + "\(self.membersPeak) nodes, \(self.nodesAsked) asked, \(self.hops) hops, \(self.messages) messages"
    }

    package var facts: [(name: String, value: String)] {
        [
            ("outcome", self.outcome.name), ("detail", self.outcome.detail), ("ms", "\(self.duration.inMilliseconds)"),
            ("plan_ms", self.timeToPlan.map { "\($0.inMilliseconds)" } ?? ""), ("nodes", "\(self.membersPeak)"),
            ("asked", "\(self.nodesAsked)"), ("hops", "\(self.hops)"), ("sweeps", "\(self.sweeps)"),
            ("messages", "\(self.messages)"), ("solves", "\(self.solves)"),
            ("solve_us", "\(self.solveDuration.inNanoseconds / 1_000)"), ("solve_steps", "\(self.solveSteps)"),
            ("migrations", "\(self.migrations)"), ("mib", "\(self.movedMiB)"),
        ]
    }
}

extension ActionResult {
    package var text: String {
        switch self {
        case .moved: "moved"
        case .failed(let reason): "failed: \(reason)"
        case .inDoubt(let reason): "is in doubt: \(reason)"
        }
    }
}
