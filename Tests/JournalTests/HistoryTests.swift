import Journal
import Testing

@Suite("The journal's history")
struct HistoryTests {
    private func event(
        _ sequence: UInt64, at wall: UInt64 = 1_000, isp: String? = nil, vm: String? = nil,
        facts: [String: String] = [:]
    ) -> EventEntry {
        EventEntry(
            sequence: sequence, wallMilliseconds: wall, kind: "granted", isp: isp, vm: vm, text: "number \(sequence)",
            facts: facts)
    }

    @Test("gives events back by sequence, by ISP and by VM, also after a restart")
    func events() async throws {
        let folder = try TemporaryFolder()
        var journal = try NodeJournal(path: folder.journal)
        #expect(journal.lastEventSequence == 0)
        let events = [
            self.event(1, isp: "n1#1.1"), self.event(2, vm: "web1", facts: ["node": "n2", "": "", "a=b": "c,d"]),
            self.event(3, isp: "n1#1.1", vm: "web1"), self.event(4),
        ]
        try await journal.append(.init(events: Array(events[..<2])))
        try await journal.append(.init(events: Array(events[1...])))
        try journal.close()
        journal = try NodeJournal(path: folder.journal)
        #expect(journal.lastEventSequence == 4)
        #expect(try await journal.events(after: nil, limit: 10) == events)
        #expect(try await journal.events(after: nil, limit: 2) == Array(events[2...]))
        #expect(try await journal.events(after: 1, limit: 2) == Array(events[1..<3]))
        #expect(try await journal.events(after: 4, limit: 2) == [])
        #expect(try await journal.events(ofISP: "n1#1.1", limit: 10) == [events[0], events[2]])
        #expect(try await journal.events(ofVM: "web1", limit: 1) == [events[2]])
    }

    @Test("keeps so many events, however far apart their numbers are")
    func limitsOverGaps() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(path: folder.journal, limits: JournalLimits(eventsMax: 5))
        let later: [UInt64] = [1_000_000_001, 1_000_000_002, 2_000_000_001]
        try await journal.append(.init(events: ([1, 2] + later).map { self.event($0) }))
        #expect(try await journal.events(after: nil, limit: 100).map(\.sequence) == [1, 2] + later)
        try await journal.append(.init(events: [self.event(2_000_000_002)]))
        #expect(try await journal.events(after: nil, limit: 100).map(\.sequence) == [2] + later + [2_000_000_002])
    }

    @Test("keeps so many events, ISPs and migrations, the newest")
    func limits() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(
            path: folder.journal, limits: JournalLimits(eventsMax: 5, ispsMax: 2, migrationsMax: 1))
        for number in 1...20 as ClosedRange<UInt64> {
            try await journal.append(
                .init(
                    events: [self.event(number)],
                    isps: [
                        ISPEntry(
                            isp: "n1#1.\(number)", trigger: "overload", reason: "", birth: 1, startedWallMilliseconds: 1
                        )
                    ],
                    migrations: [
                        MigrationEntry(
                            action: "n1#1.\(number)/1", isp: "n1#1.\(number)", vm: "a", from: "n1", to: "n2",
                            startedWallMilliseconds: 1)
                    ]))
        }
        #expect(try await journal.events(after: nil, limit: 100).map(\.sequence) == [16, 17, 18, 19, 20])
        #expect(try await journal.latestISPs(limit: 100).map(\.isp) == ["n1#1.19", "n1#1.20"])
        #expect(try await journal.migrations(ofVM: "a", limit: 100).map(\.action) == ["n1#1.20/1"])
    }

    @Test("lets go what is older than its age, counted from the newest event")
    func age() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(
            path: folder.journal, limits: JournalLimits(ageMillisecondsMax: 1_000, rowsSparedByAge: 2))
        try await journal.append(.init(events: [self.event(1, at: 5_000), self.event(2, at: 5_001)]))
        #expect(try await journal.events(after: nil, limit: 10).count == 2)
        try await journal.append(.init(events: [self.event(3, at: 6_001)]))
        #expect(try await journal.events(after: nil, limit: 10).map(\.sequence) == [2, 3])
    }

    @Test("keeps the newest rows of each kind while a clock is years ahead, and after it was set right")
    func clockAhead() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(
            path: folder.journal, limits: JournalLimits(ageMillisecondsMax: 1_000, rowsSparedByAge: 3))
        let year: UInt64 = 365 * 24 * 3_600_000
        for (number, wall) in [(1, 5_000), (2, 5_001), (3, 5_002), (4, 5_003 + year), (5, 5_004)] as [(UInt64, UInt64)]
        {
            try await journal.append(
                .init(
                    events: [self.event(number, at: wall)],
                    isps: [
                        ISPEntry(
                            isp: "n1#1.\(number)", trigger: "overload", reason: "", birth: 1,
                            startedWallMilliseconds: wall)
                    ],
                    migrations: [
                        MigrationEntry(
                            action: "n1#1.\(number)/1", isp: "n1#1.\(number)", vm: "a", from: "n1", to: "n2",
                            startedWallMilliseconds: wall)
                    ]))
        }
        // Only the first was among those that age may take when the clock was ahead.
        #expect(try await journal.events(after: nil, limit: 10).map(\.sequence) == [2, 3, 4, 5])
        #expect(try await journal.latestISPs(limit: 10).map(\.isp) == (2...5).map { "n1#1.\($0)" })
        #expect(
            try await journal.migrations(ofVM: "a", limit: 10).map(\.action) == (2...5).map { "n1#1.\($0)/1" })
    }

    @Test("has an ISP first as running, then with its figures")
    func isps() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(path: folder.journal)
        var isp = ISPEntry(
            isp: "n1#1.1", trigger: "overload", reason: "CPU 4300m of 4000m", birth: 77, startedWallMilliseconds: 10)
        try await journal.append(.init(isps: [isp]))
        #expect(try await journal.isp("n1#1.1") == isp)
        isp.ending = .init(
            wallMilliseconds: 20, outcome: "solved", detail: "", tookMilliseconds: 10, decideMilliseconds: nil,
            membersPeak: 3, nodesAsked: 4, hops: 1, sweeps: 1, messages: 23, solves: 2, solveSteps: 900,
            solveMicroseconds: 4_200, migrations: 1, movedMiB: 512)
        try await journal.append(.init(isps: [isp]))
        #expect(try await journal.isp("n1#1.1") == isp)
        #expect(try await journal.latestISPs(limit: 10) == [isp])
        #expect(try await journal.isp("n1#1.2") == nil)
    }

    @Test("has the migrations of an ISP in their order, with how they ended")
    func migrations() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(path: folder.journal)
        var first = MigrationEntry(
            action: "n1#1.1/1", isp: "n1#1.1", vm: "a", from: "n1", to: "n2", startedWallMilliseconds: 10)
        let second = MigrationEntry(
            action: "n1#1.1/2", isp: "n1#1.1", vm: "b", from: "n1", to: "n3", startedWallMilliseconds: 11)
        try await journal.append(.init(migrations: [first, second]))
        first.ending = .init(tookMilliseconds: 1_170, result: "moved", movedMiB: 62)
        try await journal.append(.init(migrations: [first]))
        #expect(try await journal.migrations(ofISP: "n1#1.1") == [first, second])
        #expect(try await journal.migrations(ofVM: "b", limit: 5) == [second])
    }
}
