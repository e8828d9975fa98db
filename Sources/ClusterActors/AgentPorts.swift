package import Basis
package import Hypervisor
package import Placement

/// What an agent must not forget when its daemon restarts. Every call returns only when the fact is durable.
package protocol AgentStore: Sendable {
    /// What an earlier boot left behind.
    func load() async throws -> StoredAgent

    /// Writes one side's view of one handover, replacing what was known of that action in that role.
    func save(_ handover: HandoverRecord) async throws

    /// The handover is settled on both sides and nobody will ask again.
    func forget(_ action: ActionID, as role: HandoverRecord.Role) async throws

    func save(_ marks: AgentMarks) async throws
}

/// What ``AgentStore/load()`` finds.
package struct StoredAgent: Hashable, Sendable {
    package var marks: AgentMarks
    package var handovers: [HandoverRecord]

    package init(marks: AgentMarks, handovers: [HandoverRecord]) {
        self.marks = marks
        self.handovers = handovers
    }
}

/// What the operator said, which guests were moved lately, and whether this store knows of all that went before.
package struct AgentMarks: Hashable, Sendable {
    /// A guest's past moves; ages, because instants of an earlier boot mean nothing.
    package struct Moves: Hashable, Sendable {
        package var vm: VMID
        package var past: [PastMove]

        package init(vm: VMID, past: [PastMove]) {
            self.vm = vm
            self.past = past
        }
    }

    package var isPaused: Bool
    package var isDraining: Bool
    package var moves: [Moves]
    /// Whether an earlier boot got as far as being reservable: then everything that it promised was written down. False
    /// in a store that is new, perhaps in place of one that was lost.
    package var hasRecovered: Bool

    package init(
        isPaused: Bool = false, isDraining: Bool = false, moves: [Moves] = [], hasRecovered: Bool = false
    ) {
        self.isPaused = isPaused
        self.isDraining = isDraining
        self.moves = moves
        self.hasRecovered = hasRecovered
    }
}

/// One side's view of one handover (PROTOCOL.md §9).
package struct HandoverRecord: Hashable, Sendable {
    package enum Role: UInt8, Hashable, Sendable, CaseIterable {
        case source = 1
        case destination = 2
    }

    /// How many settled handovers a destination remembers, to answer a source that asks again.
    package static let settledMax = 256

    package var action: ActionID
    package var vm: VMID
    package var role: Role
    /// The node on the other side.
    package var peer: NodeID
    /// How the peer's hypervisor is reached, for when its agent does not answer.
    package var peerEndpoint: MigrationEndpoint
    package var phase: HandoverPhase

    package init(
        action: ActionID, vm: VMID, role: Role, peer: NodeID, peerEndpoint: MigrationEndpoint, phase: HandoverPhase
    ) {
        self.action = action
        self.vm = vm
        self.role = role
        self.peer = peer
        self.peerEndpoint = peerEndpoint
        self.phase = phase
    }

    /// Whether this destination has acted on the source's decision.
    package var isSettled: Bool { self.phase == .resumed || self.phase == .dropped }
}

/// Where an agent tells what it does. Must return at once.
package protocol AgentEventSink: Sendable {
    func record(_ event: AgentEvent, at instant: MonotonicInstant)
}

/// Who is told at once what membership learns of the members, as a transport must be to reach those that join.
package protocol MemberObserver: Sendable {
    /// Must return at once.
    func memberChanged(_ member: MemberDescription, to state: MemberState)
    /// It is no member any more: it was gone for long, and no ring config lists it. Must return at once.
    func memberForgotten(_ member: NodeID)
}

/// Solves one partition's placement problem. Off the agent's actor: the agent renews leases meanwhile.
package protocol PartitionSolver: Sendable {
    func solve(_ problem: PlacementProblem, stepsMax: Int, seed: UInt64) async -> PartitionVerdict
}

/// What a ``PartitionSolver`` found.
package struct PartitionVerdict: Sendable {
    package var verdict: Verdict
    package var steps: Int
    /// Whether there may be a better plan, which the search had no steps left to find.
    package var isCutShort: Bool

    /// - Parameter steps: None where no search was needed.
    package init(verdict: Verdict, steps: Int = 0, isCutShort: Bool = false) {
        self.verdict = verdict
        self.steps = steps
        self.isCutShort = isCutShort
    }
}
