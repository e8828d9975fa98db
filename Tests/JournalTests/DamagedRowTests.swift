import GRDB
import Journal
import Testing

@Suite("A damaged row of the journal")
struct DamagedRowTests {
    /// A damage, as SQL, and what is said of it.
    struct Damage: CustomTestStringConvertible, Sendable {
        var sql: String
        var reason: String

        init(_ sql: String, _ reason: String) {
            self.sql = sql
            self.reason = reason
        }

        var testDescription: String { self.sql }
    }

    /// The path of a journal with one row of each kind, which `sql` was let at while nobody had it open.
    private func journal(in folder: TemporaryFolder, damagedBy sql: String) async throws -> String {
        let journal = try NodeJournal(path: folder.journal)
        try await journal.save(
            HandoverEntry(
                action: "n1#1.1/1", vm: "web1", role: 1, peer: "n2", peerEndpoint: "qemu+tls://n2/system", phase: 2,
                updatedWallMilliseconds: 100))
        try await journal.save(MarksEntry(moves: [.init(vm: "web1", from: "n2", wallMilliseconds: 20)]))
        let event = EventEntry(
            sequence: 7, wallMilliseconds: 1_000, kind: "granted", isp: "n1#1.1", vm: "web1", text: "granted",
            facts: ["node": "n2"])
        let isp = ISPEntry(
            isp: "n1#1.1", trigger: "overload", reason: "CPU", birth: 77, startedWallMilliseconds: 10,
            ending: .init(
                wallMilliseconds: 20, outcome: "solved", detail: "", tookMilliseconds: 10, decideMilliseconds: 5,
                membersPeak: 3, nodesAsked: 4, hops: 1, sweeps: 1, messages: 23, solves: 2, solveSteps: 900,
                solveMicroseconds: 4_200, migrations: 1, movedMiB: 512))
        let migration = MigrationEntry(
            action: "n1#1.1/1", isp: "n1#1.1", vm: "web1", from: "n1", to: "n2", startedWallMilliseconds: 10,
            ending: .init(tookMilliseconds: 1_170, result: "moved", movedMiB: 62))
        try await journal.append(.init(events: [event], isps: [isp], migrations: [migration]))
        try journal.close()
        let database = try DatabaseQueue(path: folder.journal)
        try await database.write { try $0.execute(sql: sql) }
        try database.close()
        return folder.journal
    }

    private static let largest = Int64.max

    @Test(
        "is named with its table and its column when handovers are read",
        arguments: [
            Damage(
                "UPDATE handover SET role = 256",
                #"table handover, row "n1#1.1/1", column role: 256 instead of an integer from 0 to 255"#),
            Damage(
                "UPDATE handover SET phase = -1",
                #"table handover, row "n1#1.1/1", column phase: -1 instead of an integer from 0 to 255"#),
            Damage(
                "UPDATE handover SET phase = 'x'",
                #"table handover, row "n1#1.1/1", column phase: "x" instead of an integer from 0 to 255"#),
            Damage(
                "UPDATE handover SET updated_ms = 1.5",
                #"table handover, row "n1#1.1/1", column updated_ms: 1.5 instead of an integer from 0 to \#(largest)"#),
            Damage(
                "UPDATE handover SET peer = x'00ff'",
                #"table handover, row "n1#1.1/1", column peer: Data(2 bytes) instead of a text"#),
        ])
    func handovers(damage: Damage) async throws {
        let folder = try TemporaryFolder()
        let path = try await self.journal(in: folder, damagedBy: damage.sql)
        let journal = try NodeJournal(path: path)
        await #expect(throws: JournalError.damaged(path: path, reason: damage.reason)) {
            try await journal.handovers()
        }
    }

    @Test(
        "is named with its table and its column when marks are read",
        arguments: [
            Damage(
                "UPDATE node SET is_draining = 2",
                "table node, row 1, column is_draining: 2 instead of an integer from 0 to 1"),
            Damage(
                "UPDATE move SET wall_ms = -5",
                "table move, row 1, column wall_ms: -5 instead of an integer from 0 to \(largest)"),
            Damage(
                "UPDATE move SET vm = x'77'", "table move, row 1, column vm: Data(1 bytes) instead of a text"),
        ])
    func marks(damage: Damage) async throws {
        let folder = try TemporaryFolder()
        let path = try await self.journal(in: folder, damagedBy: damage.sql)
        let journal = try NodeJournal(path: path)
        await #expect(throws: JournalError.damaged(path: path, reason: damage.reason)) {
            try await journal.marks()
        }
    }

    @Test(
        "is named with its table and its column when history is read",
        arguments: [
            Damage(
                "UPDATE event SET wall_ms = 'noon'",
                "table event, row 7, column wall_ms: \"noon\" instead of an integer from 0 to \(largest)"),
            Damage(
                "UPDATE event SET vm = x'77'", "table event, row 7, column vm: Data(1 bytes) instead of a text"),
            Damage(
                "UPDATE event SET facts = 'nod'",
                #"table event, row 7, column facts: "nod" instead of pairs of a name and a value"#),
            Damage(
                "UPDATE isp SET birth = -1",
                #"table isp, row "n1#1.1", column birth: -1 instead of an integer from 0 to \#(largest)"#),
            Damage(
                "UPDATE isp SET outcome = NULL",
                #"table isp, row "n1#1.1", column outcome: NULL instead of a text"#),
            Damage(
                "UPDATE isp SET decide_ms = 'x'",
                #"table isp, row "n1#1.1", column decide_ms: "x" instead of an integer from 0 to \#(largest)"#),
            Damage(
                "UPDATE migration SET moved_mib = 0.5",
                #"table migration, row "n1#1.1/1", column moved_mib: 0.5 instead of an integer from 0 to \#(largest)"#),
        ])
    func history(damage: Damage) async throws {
        let folder = try TemporaryFolder()
        let path = try await self.journal(in: folder, damagedBy: damage.sql)
        let journal = try NodeJournal(path: path)
        await #expect(throws: JournalError.damaged(path: path, reason: damage.reason)) {
            _ = try await journal.events(after: nil, limit: 10)
            _ = try await journal.latestISPs(limit: 10)
            _ = try await journal.migrations(ofISP: "n1#1.1")
        }
    }

    @Test(
        "about the node itself keeps the journal from being opened: it would count a boot twice, or not at all",
        arguments: [
            Damage("DELETE FROM node", "table node, row 1, column one: there is no such row"),
            Damage(
                "UPDATE node SET boot = 'x'",
                #"table node, row 1, column boot: "x" instead of an integer from 0 to 8589934591"#),
            Damage(
                "UPDATE node SET boot = \(largest)",
                "table node, row 1, column boot: \(largest) instead of an integer from 0 to 8589934591"),
        ])
    func boot(damage: Damage) async throws {
        let folder = try TemporaryFolder()
        let path = try await self.journal(in: folder, damagedBy: damage.sql)
        #expect(throws: JournalError.damaged(path: path, reason: damage.reason)) { try NodeJournal(path: path) }
    }

    @Test("takes nothing of the history away when its time is out of all range")
    func prune() async throws {
        let folder = try TemporaryFolder()
        let path = try await self.journal(in: folder, damagedBy: "UPDATE event SET wall_ms = \(Int64.min)")
        let journal = try NodeJournal(path: path)
        try await journal.append(
            .init(isps: [
                ISPEntry(isp: "n1#1.2", trigger: "overload", reason: "", birth: 78, startedWallMilliseconds: 10)
            ]))
        #expect(try await journal.latestISPs(limit: 10).map(\.isp) == ["n1#1.1", "n1#1.2"])
    }
}
