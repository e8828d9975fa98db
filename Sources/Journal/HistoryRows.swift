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

    /// Deletes what is beyond the limits, oldest first.
    ///
    /// Age counts from the newest event, so that a wall clock that is behind at start deletes nothing. One that is ahead
    /// makes all that was written before it old: so age alone never takes the newest rows of a table.
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
        let (horizon, isBeforeAll) = newest.subtractingReportingOverflow(Int64(stored: limits.ageMillisecondsMax))
        guard !isBeforeAll else { return }
        // Each table is in the order of time, so a look at its first row is enough nearly always.
        for (table, key, time) in [
            ("event", "sequence", "wall_ms"), ("isp", "number", "started_ms"), ("migration", "number", "started_ms"),
        ] {
            let oldest = try Int64.fetchOne(database, sql: "SELECT \(time) FROM \(table) ORDER BY \(key) LIMIT 1")
            guard let oldest, oldest < horizon else { continue }
            // Where there are no more rows than are spared, the inner query gives nothing, and nothing is deleted.
            try database.execute(
                sql: """
                    DELETE FROM \(table) WHERE \(time) < ?
                        AND \(key) <= (SELECT \(key) FROM \(table) ORDER BY \(key) DESC LIMIT 1 OFFSET ?)
                    """,
                arguments: [horizon, max(0, limits.rowsSparedByAge)])
        }
    }

    static func event(_ row: Row) throws -> EventEntry {
        let stored = StoredRow(row, of: .event)
        return try EventEntry(
            sequence: stored.count("sequence"), wallMilliseconds: stored.count("wall_ms"), kind: stored.text("kind"),
            isp: stored.textIfAny("isp"), vm: stored.textIfAny("vm"), text: stored.text("text"),
            facts: stored.facts("facts"))
    }

    static func isp(_ row: Row) throws -> ISPEntry {
        let stored = StoredRow(row, of: .isp)
        var entry = try ISPEntry(
            isp: stored.text("isp"), trigger: stored.text("trigger"), reason: stored.text("reason"),
            birth: stored.count("birth"), startedWallMilliseconds: stored.count("started_ms"))
        guard !stored.isEmpty("ended_ms") else { return entry }
        entry.ending = try ISPEntry.Ending(
            wallMilliseconds: stored.count("ended_ms"), outcome: stored.text("outcome"), detail: stored.text("detail"),
            tookMilliseconds: stored.count("took_ms"), decideMilliseconds: stored.countIfAny("decide_ms"),
            membersPeak: stored.count("members_peak"), nodesAsked: stored.count("nodes_asked"),
            hops: stored.count("hops"), sweeps: stored.count("sweeps"), messages: stored.count("messages"),
            solves: stored.count("solves"),
            solveSteps: stored.count("solve_steps"), solveMicroseconds: stored.count("solve_us"),
            migrations: stored.count("migrations"), movedMiB: stored.count("moved_mib"))
        return entry
    }

    static func migration(_ row: Row) throws -> MigrationEntry {
        let stored = StoredRow(row, of: .migration)
        var entry = try MigrationEntry(
            action: stored.text("action"), isp: stored.text("isp"), vm: stored.text("vm"),
            from: stored.text("from_node"), to: stored.text("to_node"),
            startedWallMilliseconds: stored.count("started_ms"))
        guard !stored.isEmpty("took_ms") else { return entry }
        entry.ending = try MigrationEntry.Ending(
            tookMilliseconds: stored.count("took_ms"), result: stored.text("result"),
            movedMiB: stored.count("moved_mib"))
        return entry
    }
}
