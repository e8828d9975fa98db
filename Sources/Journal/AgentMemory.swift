import GRDB

/// What the agent must not forget: handovers, and what the operator said.
extension NodeJournal {
    /// Writes one side's view of one handover, in place of what was known of that action in that role.
    package func save(_ entry: HandoverEntry) async throws(JournalError) {
        try await self.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO handover VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    entry.action, Int64(entry.role), entry.vm, entry.peer, entry.peerEndpoint, Int64(entry.phase),
                    Int64(stored: entry.updatedWallMilliseconds),
                ])
        }
    }

    /// Forgets a handover that nobody will ask about again. Nothing happens when there is none.
    package func forgetHandover(action: String, role: UInt8) async throws(JournalError) {
        try await self.write { database in
            try database.execute(
                sql: "DELETE FROM handover WHERE action = ? AND role = ?", arguments: [action, Int64(role)])
        }
    }

    /// All handovers that were saved and not forgotten, the longest untouched first.
    ///
    /// - Throws: ``JournalError/damaged(path:reason:)`` for a row that nobody writes: without it, none is known.
    package func handovers() async throws(JournalError) -> [HandoverEntry] {
        try await self.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM handover ORDER BY updated_ms, action, role").map(
                Self.handover)
        }
    }

    /// Writes the marks in place of those before.
    package func save(_ marks: MarksEntry) async throws(JournalError) {
        try await self.write { database in
            try database.execute(
                sql: "UPDATE node SET is_paused = ?, is_draining = ?, has_recovered = ?",
                arguments: [marks.isPaused, marks.isDraining, marks.hasRecovered])
            try database.execute(sql: "DELETE FROM move")
            for move in marks.moves {
                try database.execute(
                    sql: "INSERT INTO move (vm, from_node, wall_ms) VALUES (?, ?, ?)",
                    arguments: [move.vm, move.from, Int64(stored: move.wallMilliseconds)])
            }
        }
    }

    /// What was saved last.
    ///
    /// - Throws: ``JournalError/damaged(path:reason:)`` for a row that nobody writes.
    package func marks() async throws(JournalError) -> MarksEntry {
        try await self.read { database in
            let node = try Self.node(database)
            let moves = try Row.fetchAll(database, sql: "SELECT * FROM move ORDER BY number")
            return try MarksEntry(
                isPaused: node.flag("is_paused"), isDraining: node.flag("is_draining"), moves: moves.map(Self.move),
                hasRecovered: node.flag("has_recovered"))
        }
    }

    /// The one row about this node.
    static func node(_ database: Database) throws -> StoredRow {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM node") else {
            throw DamagedRow(table: "node", row: "1", column: "one", reason: "there is no such row")
        }
        return StoredRow(row, of: .node)
    }

    private static func handover(_ row: Row) throws -> HandoverEntry {
        let stored = StoredRow(row, of: .handover)
        return try HandoverEntry(
            action: stored.text("action"), vm: stored.text("vm"), role: stored.count("role"), peer: stored.text("peer"),
            peerEndpoint: stored.text("peer_endpoint"), phase: stored.count("phase"),
            updatedWallMilliseconds: stored.count("updated_ms"))
    }

    private static func move(_ row: Row) throws -> MarksEntry.Move {
        let stored = StoredRow(row, of: .move)
        return try MarksEntry.Move(
            vm: stored.text("vm"), from: stored.text("from_node"), wallMilliseconds: stored.count("wall_ms"))
    }
}
