import GRDB

/// What happened on this node, within ``JournalLimits``.
extension NodeJournal {
    /// What is written at one time.
    package struct Batch: Hashable, Sendable {
        package var events: [EventEntry]
        package var isps: [ISPEntry]
        package var migrations: [MigrationEntry]

        package init(events: [EventEntry] = [], isps: [ISPEntry] = [], migrations: [MigrationEntry] = []) {
            self.events = events
            self.isps = isps
            self.migrations = migrations
        }

        package var isEmpty: Bool { self.events.isEmpty && self.isps.isEmpty && self.migrations.isEmpty }
    }

    /// Writes a batch in one transaction, and lets the oldest history go.
    ///
    /// An event whose sequence is on disk already is left as it is; an ISP or a migration is replaced.
    package func append(_ batch: Batch) async throws(JournalError) {
        guard !batch.isEmpty else { return }
        let limits = self.limits
        try await self.write { database in
            for event in batch.events { try Self.insert(event, database) }
            for isp in batch.isps { try Self.insert(isp, database) }
            for migration in batch.migrations { try Self.insert(migration, database) }
            try Self.prune(database, limits)
        }
    }

    /// The newest events, in their order.
    ///
    /// - Parameters:
    ///   - sequence: Only events after this one; then the oldest of these, so that a reader can go on where it was.
    ///   - limit: How many at the most.
    package func events(after sequence: UInt64?, limit: Int) async throws(JournalError) -> [EventEntry] {
        try await self.read { database in
            guard let sequence else {
                let sql = "SELECT * FROM event ORDER BY sequence DESC LIMIT ?"
                return try Row.fetchAll(database, sql: sql, arguments: [max(0, limit)]).reversed().map(Self.event)
            }
            let sql = "SELECT * FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?"
            return try Row.fetchAll(database, sql: sql, arguments: [Int64(stored: sequence), max(0, limit)])
                .map(Self.event)
        }
    }

    /// The newest events about an ISP, in their order.
    package func events(ofISP isp: String, limit: Int) async throws(JournalError) -> [EventEntry] {
        try await self.events(where: "isp", is: isp, limit: limit)
    }

    /// The newest events about a VM, in their order.
    package func events(ofVM vm: String, limit: Int) async throws(JournalError) -> [EventEntry] {
        try await self.events(where: "vm", is: vm, limit: limit)
    }

    package func isp(_ isp: String) async throws(JournalError) -> ISPEntry? {
        try await self.read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM isp WHERE isp = ?", arguments: [isp]).map(Self.isp)
        }
    }

    /// The ISPs that were started last, in their order.
    package func latestISPs(limit: Int) async throws(JournalError) -> [ISPEntry] {
        try await self.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM isp ORDER BY number DESC LIMIT ?", arguments: [max(0, limit)]
            ).reversed().map(Self.isp)
        }
    }

    /// The migrations of an ISP, in their order.
    package func migrations(ofISP isp: String) async throws(JournalError) -> [MigrationEntry] {
        try await self.migrations(where: "isp", is: isp, limit: self.limits.migrationsMax)
    }

    /// The newest migrations of a VM that ISPs of this node ordered, in their order.
    package func migrations(ofVM vm: String, limit: Int) async throws(JournalError) -> [MigrationEntry] {
        try await self.migrations(where: "vm", is: vm, limit: limit)
    }

    private func events(
        where column: String, is value: String, limit: Int
    ) async throws(JournalError) -> [EventEntry] {
        try await self.read { database in
            let sql = "SELECT * FROM event WHERE \(column) = ? ORDER BY sequence DESC LIMIT ?"
            return try Row.fetchAll(database, sql: sql, arguments: [value, max(0, limit)]).reversed().map(Self.event)
        }
    }

    private func migrations(
        where column: String, is value: String, limit: Int
    ) async throws(JournalError) -> [MigrationEntry] {
        try await self.read { database in
            let sql = "SELECT * FROM migration WHERE \(column) = ? ORDER BY number DESC LIMIT ?"
            return try Row.fetchAll(database, sql: sql, arguments: [value, max(0, limit)]).reversed().map(
                Self.migration)
        }
    }
}
