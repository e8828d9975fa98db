import Basis
import ClusterActors
import Hypervisor
import Journal
import Placement

/// The agent's memory over restarts, in the node's journal.
struct JournalStore: AgentStore {
    let journal: NodeJournal
    let time: any TimeSource

    func load() async throws -> StoredAgent {
        let marks = try await self.journal.marks()
        let handovers = try await self.journal.handovers()
        return StoredAgent(marks: self.marks(marks), handovers: try handovers.map(HandoverRecord.init))
    }

    func save(_ handover: HandoverRecord) async throws {
        try await self.journal.save(
            HandoverEntry(
                action: handover.action.description, vm: handover.vm.name, role: handover.role.rawValue,
                peer: handover.peer.name, peerEndpoint: handover.peerEndpoint.uri, phase: handover.phase.rawValue,
                updatedWallMilliseconds: self.time.wallClockMilliseconds))
    }

    func forget(_ action: ActionID, as role: HandoverRecord.Role) async throws {
        try await self.journal.forgetHandover(action: action.description, role: role.rawValue)
    }

    /// Ages become wall clock times, which still mean something after a restart of the machine.
    func save(_ marks: AgentMarks) async throws {
        let now = self.time.wallClockMilliseconds
        let moves = marks.moves.flatMap { moves in
            moves.past.map { past in
                let age = UInt64(clamping: past.age.inMilliseconds)
                return MarksEntry.Move(
                    vm: moves.vm.name, from: past.from.name, wallMilliseconds: now - min(age, now))
            }
        }
        try await self.journal.save(
            MarksEntry(
                isPaused: marks.isPaused, isDraining: marks.isDraining, moves: moves, hasRecovered: marks.hasRecovered))
    }

    private func marks(_ entry: MarksEntry) -> AgentMarks {
        let now = self.time.wallClockMilliseconds
        var moves: [VMID: [PastMove]] = [:]
        for move in entry.moves {
            guard let vm = VMID(move.vm), let from = NodeID(move.from) else { continue }
            let age = now - min(move.wallMilliseconds, now)
            moves[vm, default: []].append(PastMove(from: from, age: .milliseconds(Int64(clamping: age))))
        }
        return AgentMarks(
            isPaused: entry.isPaused, isDraining: entry.isDraining,
            moves: moves.keys.sorted().map { AgentMarks.Moves(vm: $0, past: moves[$0] ?? []) },
            hasRecovered: entry.hasRecovered)
    }
}

extension HandoverRecord {
    /// - Throws: ``UnknownHandover``: to go on without it would be to forget a guest that may stand paused.
    init(_ entry: HandoverEntry) throws(UnknownHandover) {
        guard let action = ActionID(entry.action), let vm = VMID(entry.vm), let role = Role(rawValue: entry.role),
            let peer = NodeID(entry.peer), let phase = HandoverPhase(rawValue: entry.phase)
        else { throw UnknownHandover(entry: entry) }
        self.init(
            action: action, vm: vm, role: role, peer: peer,
            peerEndpoint: MigrationEndpoint(uri: entry.peerEndpoint), phase: phase)
    }
}

/// The journal has a handover that this version of the agent does not write.
struct UnknownHandover: Error, CustomStringConvertible {
    var entry: HandoverEntry

    var description: String {
        "the journal's handover \(self.entry.action) of \(self.entry.vm) with \(self.entry.peer), role \(self.entry.role), "
            + "phase \(self.entry.phase), is none that this version knows; was it written by a newer one?"
    }
}
