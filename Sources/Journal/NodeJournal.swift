import GRDB

/// What one daemon must not forget, and what happened on its node: an SQLite file that one process has to itself.
///
/// Every write returns only when it is on disk (WAL, `synchronous = FULL`), whether or not the calling task has been
/// cancelled meanwhile: a decision about a guest that was made must be written. History is therefore written in batches.
///
/// A class because it is the connection to one file.
package final class NodeJournal: Sendable {
    /// Which start of the daemon this is: counted up, and made durable, by opening the journal. No two starts of a node
    /// have the same, also when the journal was lost between them.
    package let boot: UInt64
    /// Of the newest event on disk when the journal was opened; 0 when there was none.
    package let lastEventSequence: UInt64

    let limits: JournalLimits
    private let path: String
    private let queue: DatabaseQueue

    /// SQLite's number for `PRAGMA synchronous = FULL`: each commit is synced to the disk.
    private static let synchronousFull = 2
    /// How much of the file SQLite keeps in memory, in KiB.
    private static let cacheKiB = 256
    /// How large the write-ahead log may stay, in bytes.
    private static let logBytesMax = 1 << 20
    /// How long another process may take to let go of the file, in seconds: one that is just being killed.
    private static let busySeconds = 1.0

    /// Opens the journal, creates it when it is missing, and counts the boot.
    ///
    /// - Parameters:
    ///   - path: Of the file; its folder must exist.
    ///   - firstBoot: What a new journal counts from: more than any boot that one in its place, which was lost, can have
    ///     come to. ``firstBoot(atWallClockMilliseconds:)`` is.
    package init(
        path: String, limits: JournalLimits = JournalLimits(), firstBoot: UInt64 = 1
    ) throws(JournalError) {
        self.path = path
        self.limits = limits
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(Self.busySeconds)
        configuration.prepareDatabase { database in
            // One process at a time: the lock is held from the first write until the journal is closed. It also
            // spares the shared memory that WAL otherwise needs.
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "PRAGMA cache_size = -\(Self.cacheKiB)")
            try database.execute(sql: "PRAGMA journal_size_limit = \(Self.logBytesMax)")
        }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            // Only now: GRDB lowers it to NORMAL when it turns WAL on, and a commit could then be lost with the power.
            let synchronous = try queue.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
                return try Int.fetchOne(database, sql: "PRAGMA synchronous")
            }
            guard synchronous == Self.synchronousFull else {
                throw JournalError.inaccessible(path: path, reason: "SQLite does not sync it at each commit")
            }
            let migrator = JournalSchema.migrator
            guard try !queue.read(migrator.hasBeenSuperseded) else { throw JournalError.newerSchema(path: path) }
            try migrator.migrate(queue)
            (self.boot, self.lastEventSequence) = try queue.write { database in
                let boot = try Self.nextBoot(database, first: firstBoot)
                try database.execute(sql: "UPDATE node SET boot = ?", arguments: [Int64(stored: boot)])
                let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM event") ?? 0
                return (boot, UInt64(clamping: last))
            }
            self.queue = queue
        } catch let error as JournalError {
            throw error
        } catch {
            throw JournalError(error, path: path)
        }
    }

    private static func nextBoot(_ database: Database, first: UInt64) throws -> UInt64 {
        let last = try Self.node(database).count("boot", max: Self.bootMax - 1)
        return last > 0 ? last + 1 : min(max(1, first), Self.firstBootMax)
    }

    /// No boot is beyond this, so that a thousand million numbers for each have room in SQLite's integers.
    private static let bootMax: UInt64 = 1 << 33
    /// No new journal counts from beyond this, whatever the clock says, so that there is much left to count.
    private static let firstBootMax: UInt64 = 1 << 32

    /// The minutes since 2026 began: a daemon is not started more often than once a minute for years (ADR 0016).
    package static func firstBoot(atWallClockMilliseconds now: UInt64) -> UInt64 {
        let (since, isBefore) = now.subtractingReportingOverflow(Self.beginOf2026)
        return isBefore ? 1 : max(1, since / 60_000)
    }

    /// 2026-01-01T00:00:00Z, in milliseconds since 1970.
    private static let beginOf2026: UInt64 = 1_767_225_600_000

    /// Lets go of the file. Nothing may be asked of the journal afterwards.
    package func close() throws(JournalError) {
        do {
            try self.queue.close()
        } catch {
            throw JournalError(error, path: self.path)
        }
    }

    /// Runs `body` in one transaction, and returns when it is durable.
    ///
    /// Not GRDB's own async `write`, which gives up when the calling task is cancelled.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(JournalError) -> Value {
        let path = self.path
        let result: Result<Value, JournalError> = await withCheckedContinuation { continuation in
            self.queue.asyncWrite(body) { _, result in
                continuation.resume(returning: result.mapError { JournalError($0, path: path) })
            }
        }
        return try result.get()
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(JournalError) -> Value {
        let path = self.path
        let result: Result<Value, JournalError> = await withCheckedContinuation { continuation in
            self.queue.asyncRead { database in
                let value = Result { try body(try database.get()) }
                continuation.resume(returning: value.mapError { JournalError($0, path: path) })
            }
        }
        return try result.get()
    }
}
