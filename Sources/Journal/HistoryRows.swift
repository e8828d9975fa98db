import GRDB

/// History entries as rows.
extension NodeJournal {
    static func insert(_ event: EventEntry, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                Int64(stored: event.sequence), Int64(stored: event.wallMilliseconds), event.kind, event.isp, event.vm,
                event.text, FactsText.encode(event.facts),
            ])
    }

    static func insert(_ isp: ISPEntry, _ database: Database) throws {
        let ending = isp.ending
        try database.execute(
            sql: """
                INSERT INTO isp (isp, trigger, reason, birth, started_ms, ended_ms, outcome, detail, took_ms, decide_ms,
                    members_peak, nodes_asked, hops, sweeps, messages, solves, solve_steps, solve_us, migrations, moved_mib)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (isp) DO UPDATE SET trigger = excluded.trigger, reason = excluded.reason,
                    birth = excluded.birth, started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,
                    outcome = excluded.outcome, detail = excluded.detail, took_ms = excluded.took_ms,
                    decide_ms = excluded.decide_ms, members_peak = excluded.members_peak,
                    nodes_asked = excluded.nodes_asked, hops = excluded.hops, sweeps = excluded.sweeps,
                    messages = excluded.messages, solves = excluded.solves, solve_steps = excluded.solve_steps,
                    solve_us = excluded.solve_us, migrations = excluded.migrations, moved_mib = excluded.moved_mib
                """,
            arguments: [
                isp.isp, isp.trigger, isp.reason, Int64(stored: isp.birth), Int64(stored: isp.startedWallMilliseconds),
                ending.map { Int64(stored: $0.wallMilliseconds) }, ending?.outcome, ending?.detail,
                ending?.tookMilliseconds, ending?.decideMilliseconds, ending?.membersPeak, ending?.nodesAsked,
                ending?.hops, ending?.sweeps, ending?.messages, ending?.solves, ending?.solveSteps,
                ending?.solveMicroseconds, ending?.migrations, ending?.movedMiB,
            ])
    }

    static func insert(_ migration: MigrationEntry, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO migration (action, isp, vm, from_node, to_node, started_ms, took_ms, result, moved_mib)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (action) DO UPDATE SET took_ms = excluded.took_ms, result = excluded.result,
                    moved_mib = excluded.moved_mib
                """,
            arguments: [
                migration.action, migration.isp, migration.vm, migration.from, migration.to,
                Int64(stored: migration.startedWallMilliseconds), migration.ending?.tookMilliseconds,
                migration.ending?.result, migration.ending?.movedMiB,
            ])
    }

    /// Deletes what is beyond the limits, oldest first. Age counts from the newest event, so that a wall clock that
    /// is wrong at start deletes nothing.
    static func prune(_ database: Database, _ limits: JournalLimits) throws {
        // Events are counted, as their numbers have gaps; but only where they may be too many.
        let span =
            try Int64.fetchOne(
                database,
                sql: "SELECT (SELECT max(sequence) FROM event) - (SELECT min(sequence) FROM event)") ?? 0
        if span >= limits.eventsMax {
            try database.execute(
                sql: """
                    DELETE FROM event
                    WHERE sequence <= (SELECT sequence FROM event ORDER BY sequence DESC LIMIT 1 OFFSET ?)
                    """,
                arguments: [limits.eventsMax])
        }
        for (table, limit) in [("isp", limits.ispsMax), ("migration", limits.migrationsMax)] {
            try database.execute(
                sql: "DELETE FROM \(table) WHERE number <= (SELECT max(number) FROM \(table)) - ?", arguments: [limit])
        }
        guard
            let newest = try Int64.fetchOne(
                database, sql: "SELECT wall_ms FROM event ORDER BY sequence DESC LIMIT 1")
        else { return }
        let horizon = newest - Int64(stored: limits.ageMillisecondsMax)
        // Each table is in the order of time, so a look at its first row is enough nearly always.
        for (table, key, time) in [
            ("event", "sequence", "wall_ms"), ("isp", "number", "started_ms"), ("migration", "number", "started_ms"),
        ] {
            let oldest = try Int64.fetchOne(database, sql: "SELECT \(time) FROM \(table) ORDER BY \(key) LIMIT 1")
            guard let oldest, oldest < horizon else { continue }
            try database.execute(sql: "DELETE FROM \(table) WHERE \(time) < ?", arguments: [horizon])
        }
    }

    static func event(_ row: Row) -> EventEntry {
        EventEntry(
            sequence: UInt64(stored: row["sequence"]), wallMilliseconds: UInt64(stored: row["wall_ms"]),
            kind: row["kind"], isp: row["isp"], vm: row["vm"], text: row["text"], facts: FactsText.decode(row["facts"]))
    }

    static func isp(_ row: Row) -> ISPEntry {
        var entry = ISPEntry(
            isp: row["isp"], trigger: row["trigger"], reason: row["reason"], birth: UInt64(stored: row["birth"]),
            startedWallMilliseconds: UInt64(stored: row["started_ms"]))
        guard let ended = row["ended_ms"] as Int64?, let outcome = row["outcome"] as String? else { return entry }
        entry.ending = ISPEntry.Ending(
            wallMilliseconds: UInt64(stored: ended), outcome: outcome, detail: row["detail"] ?? "",
            tookMilliseconds: row["took_ms"] ?? 0, decideMilliseconds: row["decide_ms"],
            membersPeak: row["members_peak"] ?? 0, nodesAsked: row["nodes_asked"] ?? 0, hops: row["hops"] ?? 0,
            sweeps: row["sweeps"] ?? 0, messages: row["messages"] ?? 0, solves: row["solves"] ?? 0,
            solveSteps: row["solve_steps"] ?? 0, solveMicroseconds: row["solve_us"] ?? 0,
            migrations: row["migrations"] ?? 0, movedMiB: row["moved_mib"] ?? 0)
        return entry
    }

    static func migration(_ row: Row) -> MigrationEntry {
        var entry = MigrationEntry(
            action: row["action"], isp: row["isp"], vm: row["vm"], from: row["from_node"], to: row["to_node"],
            startedWallMilliseconds: UInt64(stored: row["started_ms"]))
        guard let took = row["took_ms"] as Int?, let result = row["result"] as String? else { return entry }
        entry.ending = MigrationEntry.Ending(tookMilliseconds: took, result: result, movedMiB: row["moved_mib"] ?? 0)
        return entry
    }
}

/// Facts as one text: pairs in the order of their keys, with the separators that ASCII has for records and units.
private enum FactsText {
    private static let betweenPairs: Character = "\u{1E}"
    private static let withinPair: Character = "\u{1F}"

    static func encode(_ facts: [String: String]) -> String {
        facts.sorted { $0.key < $1.key }
            .map { "\(self.clean($0.key))\(self.withinPair)\(self.clean($0.value))" }
            .joined(separator: String(self.betweenPairs))
    }

    static func decode(_ text: String) -> [String: String] {
        var facts: [String: String] = [:]
        for pair in text.split(separator: self.betweenPairs) {
            let parts = pair.split(separator: self.withinPair, maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { facts[String(parts[0])] = String(parts[1]) }
        }
        return facts
    }

    /// A separator within a fact has no meaning that could be lost.
    private static func clean(_ text: String) -> String {
        text.filter { $0 != self.betweenPairs && $0 != self.withinPair }
    }
}
