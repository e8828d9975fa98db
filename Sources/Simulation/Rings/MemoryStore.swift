package import ClusterActors

/// A journal that survives its agent's process.
///
/// Safe because a world runs on one thread.
package final class MemoryStore: AgentStore, @unchecked Sendable {
    private var stored = StoredAgent(marks: AgentMarks(), handovers: [])

    package init() {}

    package func load() async throws -> StoredAgent { self.stored }

    package func save(_ handover: HandoverRecord) async throws {
        try await self.forget(handover.action, as: handover.role)
        self.stored.handovers.append(handover)
    }

    package func forget(_ action: ActionID, as role: HandoverRecord.Role) async throws {
        self.stored.handovers.removeAll { $0.action == action && $0.role == role }
    }

    package func save(_ marks: AgentMarks) async throws { self.stored.marks = marks }
}
