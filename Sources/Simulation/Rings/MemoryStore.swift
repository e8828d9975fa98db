package import ClusterActors

/// A journal that survives its agent's process; at first that of a node which has run before.
///
/// Safe because a world runs on one thread.
package final class MemoryStore: AgentStore, @unchecked Sendable {
    private var stored = StoredAgent(marks: AgentMarks(hasRecovered: true), handovers: [])

    /// Awaited before each access: what it takes is what the disk takes, and when it throws nothing was written.
    package var beforeAccess: (@Sendable () async throws -> Void)?

    package init() {}

    /// A new disk.
    package func erase() {
        self.stored = StoredAgent(marks: AgentMarks(), handovers: [])
    }

    package func load() async throws -> StoredAgent {
        try await self.beforeAccess?()
        return self.stored
    }

    package func save(_ handover: HandoverRecord) async throws {
        try await self.beforeAccess?()
        self.remove(handover.action, as: handover.role)
        self.stored.handovers.append(handover)
    }

    package func forget(_ action: ActionID, as role: HandoverRecord.Role) async throws {
        try await self.beforeAccess?()
        self.remove(action, as: role)
    }

    private func remove(_ action: ActionID, as role: HandoverRecord.Role) {
        self.stored.handovers.removeAll { $0.action == action && $0.role == role }
    }

    package func save(_ marks: AgentMarks) async throws {
        try await self.beforeAccess?()
        self.stored.marks = marks
    }
}
