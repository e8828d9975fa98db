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
    package func handovers() async throws(JournalError) -> [HandoverEntry] {
        try await self.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM handover ORDER BY updated_ms, action, role").map { row in
                HandoverEntry(
                    action: row["action"], vm: row["vm"], role: UInt8(clamping: row["role"] as Int64),
                    peer: row["peer"],
                    peerEndpoint: row["peer_endpoint"], phase: UInt8(clamping: row["phase"] as Int64),
                    updatedWallMilliseconds: UInt64(stored: row["updated_ms"]))
            }
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

    package func marks() async throws(JournalError) -> MarksEntry {
        try await self.read { database in
            let node = try Row.fetchOne(database, sql: "SELECT is_paused, is_draining, has_recovered FROM node")
            let moves = try Row.fetchAll(database, sql: "SELECT vm, from_node, wall_ms FROM move ORDER BY number")
            return MarksEntry(
                isPaused: node?["is_paused"] ?? false, isDraining: node?["is_draining"] ?? false,
                moves: moves.map { row in
                    MarksEntry.Move(
                        vm: row["vm"], from: row["from_node"], wallMilliseconds: UInt64(stored: row["wall_ms"]))
                },
                hasRecovered: node?["has_recovered"] ?? false)
        }
    }
}
