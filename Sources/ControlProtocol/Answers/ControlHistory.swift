/// One thing that happened on a node, from its journal.
package struct ControlEvent: Hashable, Sendable, Codable {
    /// Counts up over the life of the journal.
    package var sequence: UInt64
    /// Since 1970, by the node's clock.
    package var wallMilliseconds: UInt64
    package var kind: String
    package var isp: String?
    package var vm: String?
    /// A sentence, without the ISP and the guest that stand beside it.
    package var text: String
    /// Its figures by name.
    package var facts: [String: String]

    package init(
        sequence: UInt64, wallMilliseconds: UInt64, kind: String, isp: String? = nil, vm: String? = nil, text: String,
        facts: [String: String]
    ) {
        self.sequence = sequence
        self.wallMilliseconds = wallMilliseconds
        self.kind = kind
        self.isp = isp
        self.vm = vm
        self.text = text
        self.facts = facts
    }

    private enum CodingKeys: String, CodingKey {
        case sequence
        case wallMilliseconds = "wall_ms"
        case kind, isp, vm, text, facts
    }
}

/// What a node's journal knows of an ISP or of a guest. A list may be empty, not all of them.
package struct ControlExplanation: Hashable, Sendable, Codable {
    package var isps: [ControlISP]
    package var migrations: [ControlMigration]
    package var events: [ControlEvent]
    /// True when the journal has older migrations or events than these, for which an answer has no room.
    package var olderLeftOut: Bool?

    package init(
        isps: [ControlISP], migrations: [ControlMigration], events: [ControlEvent], olderLeftOut: Bool? = nil
    ) {
        self.isps = isps
        self.migrations = migrations
        self.events = events
        self.olderLeftOut = olderLeftOut
    }

    private enum CodingKeys: String, CodingKey {
        case isps, migrations, events
        case olderLeftOut = "older_left_out"
    }
}

/// One ISP that the node started.
package struct ControlISP: Hashable, Sendable, Codable {
    package var isp: String
    package var trigger: String
    package var reason: String
    /// When its trigger first held, on the Lamport clock.
    package var birth: UInt64
    package var startedWallMilliseconds: UInt64
    /// Nil while it runs, as all that follows.
    package var endedWallMilliseconds: UInt64?
    package var outcome: String?
    package var detail: String?
    package var tookMilliseconds: Int?
    /// From the start to the plan that was carried out.
    package var decideMilliseconds: Int?
    /// Nodes that it held at most, its own included.
    package var membersPeak: Int?
    package var nodesAsked: Int?
    package var hops: Int?
    package var sweeps: Int?
    /// Requests that its initiator sent, retries included.
    package var messages: Int?
    package var solves: Int?
    package var solveSteps: Int?
    package var solveMicroseconds: Int?
    package var migrations: Int?
    package var movedMiB: Int?

    package init(
        isp: String, trigger: String, reason: String, birth: UInt64, startedWallMilliseconds: UInt64,
        endedWallMilliseconds: UInt64? = nil, outcome: String? = nil, detail: String? = nil,
        tookMilliseconds: Int? = nil, decideMilliseconds: Int? = nil, membersPeak: Int? = nil, nodesAsked: Int? = nil,
        hops: Int? = nil, sweeps: Int? = nil, messages: Int? = nil, solves: Int? = nil, solveSteps: Int? = nil,
        solveMicroseconds: Int? = nil, migrations: Int? = nil, movedMiB: Int? = nil
    ) {
        self.isp = isp
        self.trigger = trigger
        self.reason = reason
        self.birth = birth
        self.startedWallMilliseconds = startedWallMilliseconds
        self.endedWallMilliseconds = endedWallMilliseconds
        self.outcome = outcome
        self.detail = detail
        self.tookMilliseconds = tookMilliseconds
        self.decideMilliseconds = decideMilliseconds
        self.membersPeak = membersPeak
        self.nodesAsked = nodesAsked
        self.hops = hops
        self.sweeps = sweeps
        self.messages = messages
        self.solves = solves
        self.solveSteps = solveSteps
        self.solveMicroseconds = solveMicroseconds
        self.migrations = migrations
        self.movedMiB = movedMiB
    }

    private enum CodingKeys: String, CodingKey {
        case isp, trigger, reason, birth
        case startedWallMilliseconds = "started_wall_ms"
        case endedWallMilliseconds = "ended_wall_ms"
        case outcome, detail
        case tookMilliseconds = "took_ms"
        case decideMilliseconds = "decide_ms"
        case membersPeak = "members_peak"
        case nodesAsked = "nodes_asked"
        case hops, sweeps, messages, solves
        case solveSteps = "solve_steps"
        case solveMicroseconds = "solve_us"
        case migrations
        case movedMiB = "moved_mib"
    }
}

/// One migration that an ISP of the node ordered.
package struct ControlMigration: Hashable, Sendable, Codable {
    /// `node#boot.sequence/number`.
    package var action: String
    package var isp: String
    package var vm: String
    package var from: String
    package var to: String
    package var startedWallMilliseconds: UInt64
    /// Nil while it runs, as the two that follow.
    package var tookMilliseconds: Int?
    /// `moved`, or how it failed.
    package var result: String?
    package var movedMiB: Int?

    package init(
        action: String, isp: String, vm: String, from: String, to: String, startedWallMilliseconds: UInt64,
        tookMilliseconds: Int? = nil, result: String? = nil, movedMiB: Int? = nil
    ) {
        self.action = action
        self.isp = isp
        self.vm = vm
        self.from = from
        self.to = to
        self.startedWallMilliseconds = startedWallMilliseconds
        self.tookMilliseconds = tookMilliseconds
        self.result = result
        self.movedMiB = movedMiB
    }

    private enum CodingKeys: String, CodingKey {
        case action, isp, vm, from, to
        case startedWallMilliseconds = "started_wall_ms"
        case tookMilliseconds = "took_ms"
        case result
        case movedMiB = "moved_mib"
    }
}
