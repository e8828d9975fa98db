package import Basis
import GRDB
package import Settings

/// The records of deployments in one SQLite file, which several deployers of one machine may have open.
///
/// Every write returns when it is on disk (WAL, `synchronous = FULL`). What many tasks write at the same time becomes one
/// transaction, so that hosts by the hundred do not wait for the disk one after the other.
package actor SQLiteStore: DeploymentStore {
    private let path: String
    private let queue: DatabaseQueue
    private let time: any TimeSource
    /// What waits for the next transaction.
    private var pending: [Write] = []
    private var isWriting = false

    private struct Write {
        var changes: [RecordChange]
        var deployment: String
        var continuation: CheckedContinuation<Result<Void, StoreError>, Never>
    }

    /// How long another deployer may write before this one gives up, in seconds.
    private static let busySeconds = 10.0

    package init(_ folder: StateFolder, time: any TimeSource) throws(StoreError) {
        self.path = folder.database
        self.time = time
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(Self.busySeconds)
        do {
            let queue = try DatabaseQueue(path: folder.database, configuration: configuration)
            // Only now: GRDB lowers it to NORMAL when it turns WAL on.
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let migrator = StoreSchema.migrator
            guard try !queue.read(migrator.hasBeenSuperseded) else {
                throw StoreError.newerSchema(path: folder.database)
            }
            try migrator.migrate(queue)
            self.queue = queue
        } catch {
            throw StoreError(error, path: folder.database)
        }
    }

    /// Blocks for the length of a transaction: this actor's turn is the queue of the file.
    private func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try self.queue.write(body)
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try self.queue.read(body)
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    // MARK: - Reading

    package func load(_ deployment: String) throws(StoreError) -> DeploymentRecord? {
        let path = self.path
        return try self.read { database in
            guard let base = try StoreRows.base(database, deployment, path) else { return nil }
            return DeploymentRecord(
                base: base, hosts: try StoreRows.hosts(database, deployment, path),
                guests: try StoreRows.guests(database, deployment, path),
                copies: try StoreRows.copies(database, deployment),
                job: try StoreRows.job(database, deployment, path))
        }
    }

    package func leases() throws(StoreError) -> [NodeID: HostLease] {
        try self.read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT id, deployment, lease_ends_ms FROM host")
            return rows.reduce(into: [:]) { leases, row in
                guard let id = NodeID(row["id"] as String) else { return }
                leases[id] = HostLease(
                    deployment: row["deployment"], untilMilliseconds: UInt64(clamping: row["lease_ends_ms"] as Int64))
            }
        }
    }

    /// Names of all deployments, sorted.
    package func deployments() throws(StoreError) -> [String] {
        try self.read { try String.fetchAll($0, sql: "SELECT name FROM deployment ORDER BY name") }
    }

    /// What happened to a deployment, oldest first.
    package func transitions(of deployment: String) throws(StoreError) -> [TransitionRecord] {
        try self.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM transition WHERE deployment = ? ORDER BY number", arguments: [deployment]
            ).map { row in
                TransitionRecord(
                    wallMilliseconds: UInt64(clamping: row["wall_ms"] as Int64), kind: row["kind"],
                    entity: row["entity"], from: row["from_state"], to: row["to_state"], attempt: row["attempt"],
                    error: row["error"])
            }
        }
    }

    // MARK: - Beginning and end

    package func create(_ base: DeploymentBase) throws(StoreError) -> DeploymentBase {
        let path = self.path
        return try self.write { database in
            if let known = try StoreRows.base(database, base.name, path) { return known }
            let taken = try Set(Int.fetchAll(database, sql: "SELECT vxlan FROM deployment"))
            var base = base
            while taken.contains(base.vxlan) { base.vxlan = base.vxlan % DeploymentBase.vxlanMax + 1 }
            try StoreRows.insert(base, database)
            return base
        }
    }

    package func book(
        _ count: Int, of candidates: [FleetHost], for deployment: String, role: HostRecord.Role,
        untilMilliseconds: UInt64
    ) throws(StoreError) -> [HostRecord] {
        let wall = self.time.wallClockMilliseconds
        return try self.write { database in
            let taken = try Set(String.fetchAll(database, sql: "SELECT id FROM host"))
            let free = candidates.filter { !taken.contains($0.id.name) }.prefix(count)
            guard free.count == count else { return [] }
            return try free.map { host in
                let record = HostRecord(host: host, role: role, leaseEndsMilliseconds: untilMilliseconds)
                try StoreRows.insert(record, deployment, database)
                try StoreRows.note(
                    "host", host.id.name, from: "free", to: record.state.text, database, deployment, wall)
                return record
            }
        }
    }

    package func admit(
        _ guests: [(name: String, template: GuestTemplate)], to deployment: String, pool: AddressPool
    ) throws(StoreError) -> [GuestRecord] {
        let wall = self.time.wallClockMilliseconds
        return try self.write { database in
            let taken = try StoreRows.taken(database)
            let first =
                try Int.fetchOne(
                    database, sql: "SELECT ordinals FROM deployment WHERE name = ?", arguments: [deployment]) ?? 0
            let identities = try IdentityAssignment.identities(
                for: guests.map(\.name), fleet: deployment, firstOrdinal: first, pool: pool, taken: taken)
            try database.execute(
                sql: "UPDATE deployment SET ordinals = ? WHERE name = ?",
                arguments: [first + guests.count, deployment])
            return try zip(identities, guests).map { identity, guest in
                let record = GuestRecord(identity: identity, template: guest.template)
                try StoreRows.insert(record, deployment, database)
                try StoreRows.note(
                    "vm", identity.name, from: "none", to: record.stage.rawValue, database, deployment, wall)
                return record
            }
        }
    }

    package func extendLeases(of deployment: String, untilMilliseconds: UInt64) throws(StoreError) {
        try self.write { database in
            try database.execute(
                sql: "UPDATE host SET lease_ends_ms = ? WHERE deployment = ?",
                arguments: [Int64(clamping: untilMilliseconds), deployment])
        }
    }

    package func close(_ deployment: String) throws(StoreError) {
        try self.write { database in
            try database.execute(
                sql: """
                    DELETE FROM deployment WHERE name = :name
                        AND NOT EXISTS (SELECT 1 FROM host WHERE deployment = :name)
                        AND NOT EXISTS (SELECT 1 FROM guest WHERE deployment = :name)
                        AND NOT EXISTS (SELECT 1 FROM job WHERE deployment = :name)
                    """,
                arguments: ["name": deployment])
        }
    }

    // MARK: - Changes

    package func record(_ changes: [RecordChange], of deployment: String) async throws(StoreError) {
        guard !changes.isEmpty else { return }
        let result = await withCheckedContinuation { continuation in
            self.pending.append(Write(changes: changes, deployment: deployment, continuation: continuation))
            guard !self.isWriting else { return }
            self.isWriting = true
            // Unstructured, as it writes for all who wait meanwhile, and must write what happened although one of them
            // is cancelled. It ends with the last of them.
            Task { await self.drain() }
        }
        try result.get()
    }

    private func drain() async {
        while !self.pending.isEmpty {
            let batch = self.pending
            self.pending = []
            let wall = self.time.wallClockMilliseconds
            let result = Result { () throws(StoreError) in
                try self.write { database in
                    for write in batch {
                        for change in write.changes {
                            try StoreRows.apply(change, database, write.deployment, wall)
                        }
                    }
                }
            }
            for write in batch { write.continuation.resume(returning: result) }
            // Whoever is ready to write comes first, into the next transaction.
            await Task.yield()
        }
        self.isWriting = false
    }
}

extension DeploymentBase {
    /// The largest VXLAN identifier (RFC 7348 §5).
    package static let vxlanMax = 1 << 24 - 1
}
