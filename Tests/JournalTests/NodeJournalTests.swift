import Foundation
import Journal
import Testing

/// A folder of its own for one test, gone with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var journal: String { "\(self.path)/journal.sqlite" }
}

@Suite("The journal's file")
struct NodeJournalTests {
    @Test("counts each start of the daemon")
    func boots() throws {
        let folder = try TemporaryFolder()
        for expected in 1...3 as ClosedRange<UInt64> {
            let journal = try NodeJournal(path: folder.journal)
            #expect(journal.boot == expected)
            try journal.close()
        }
    }

    @Test("a new journal counts on from a boot that one in its place cannot have come to, and an old one from its own")
    func bootsOfALostJournal() throws {
        let folder = try TemporaryFolder()
        let june = NodeJournal.firstBoot(atWallClockMilliseconds: 1_780_272_000_000)
        #expect(june == 217_440)
        for expected in [june, june + 1] {
            let journal = try NodeJournal(path: folder.journal, firstBoot: expected == june ? june : june + 900)
            #expect(journal.boot == expected)
            try journal.close()
        }
        // A clock that was never set.
        #expect(NodeJournal.firstBoot(atWallClockMilliseconds: 12_000) == 1)
    }

    @Test("belongs to one daemon at a time; the second one is told so")
    func secondDaemon() throws {
        let folder = try TemporaryFolder()
        let first = try NodeJournal(path: folder.journal)
        let error = #expect(throws: JournalError.self) { try NodeJournal(path: folder.journal) }
        #expect(error == .inUse(path: folder.journal))
        #expect(error?.description.contains("another daemon") == true)
        try first.close()
        #expect(try NodeJournal(path: folder.journal).boot == 2)
    }

    @Test("that is no database is refused and left as it is")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let garbage = Data(repeating: 0x5A, count: 8_192)
        try garbage.write(to: URL(fileURLWithPath: folder.journal))
        let error = #expect(throws: JournalError.self) { try NodeJournal(path: folder.journal) }
        guard case .damaged(let path, _) = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
        #expect(path == folder.journal)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.journal)) == garbage)
    }

    @Test("in a folder that is not there is refused by name")
    func missingFolder() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/none/journal.sqlite"
        let error = #expect(throws: JournalError.self) { try NodeJournal(path: path) }
        guard case .inaccessible(path, _) = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }

    @Test("keeps what the operator said, and moves in their order, over a restart")
    func marks() async throws {
        let folder = try TemporaryFolder()
        var journal = try NodeJournal(path: folder.journal)
        #expect(try await journal.marks() == MarksEntry())
        let marks = MarksEntry(
            isPaused: true, isDraining: true,
            moves: [
                .init(vm: "b", from: "n2", wallMilliseconds: 20), .init(vm: "a", from: "n3", wallMilliseconds: .max),
                .init(vm: "b", from: "n1", wallMilliseconds: 10),
            ], hasRecovered: true)
        try await journal.save(MarksEntry(isPaused: true))
        try await journal.save(marks)
        try journal.close()
        journal = try NodeJournal(path: folder.journal)
        var expected = marks
        // SQLite's integers are signed.
        expected.moves[1].wallMilliseconds = UInt64(Int64.max)
        #expect(try await journal.marks() == expected)
    }

    @Test("keeps one entry per action and role, the latest phase, until it is forgotten")
    func handovers() async throws {
        let folder = try TemporaryFolder()
        var journal = try NodeJournal(path: folder.journal)
        var source = HandoverEntry(
            action: "n1#1.1/1", vm: "web1", role: 1, peer: "n2", peerEndpoint: "qemu+tls://n2/system", phase: 2,
            updatedWallMilliseconds: 100)
        var destination = source
        destination.role = 2
        try await journal.save(source)
        try await journal.save(destination)
        source.phase = 4
        source.updatedWallMilliseconds = 200
        try await journal.save(source)
        try journal.close()
        journal = try NodeJournal(path: folder.journal)
        #expect(try await journal.handovers() == [destination, source])
        try await journal.forgetHandover(action: "n1#1.1/1", role: 2)
        try await journal.forgetHandover(action: "n1#1.1/1", role: 2)
        #expect(try await journal.handovers() == [source])
    }

    @Test("takes a decision although the task that made it was cancelled")
    func cancelled() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(path: folder.journal)
        let entry = HandoverEntry(
            action: "n1#1.1/1", vm: "web1", role: 1, peer: "n2", peerEndpoint: "", phase: 5, updatedWallMilliseconds: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask {
                #expect(Task.isCancelled)
                try await journal.save(entry)
            }
            try await group.waitForAll()
        }
        #expect(try await journal.handovers() == [entry])
    }
}
