import Basis
import ClusterActors
import Journal
import Logging
import Testing
import dvmsd

@Suite("The event log of a daemon", .timeLimit(.minutes(1)))
struct EventLogTests {
    @Test("has written what was told before a question, while more is told without a pause")
    func flushWhileEventsCome() async throws {
        let folder = try TemporaryFolder()
        let journal = try NodeJournal(path: folder.journal)
        let unsolved = UnsolvedProblems(stateDirectory: folder.path)
        let log = EventLog(
            journal: journal,
            entries: EventEntries(time: SystemTimeSource(), machineClockOffset: .zero, unsolved: unsolved),
            unsolved: unsolved, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        log.record(.marked("before"), at: .zero)
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            group.addTask {
                while !Task.isCancelled {
                    log.record(.marked("meanwhile"), at: .zero)
                    await Task.yield()
                }
            }
            #expect(await log.flush() >= 1)
            let written = try await journal.events(after: 0, limit: 1)
            #expect(written.first?.text == "before")
            group.cancelAll()
            log.close()
        }
        try journal.close()
        withExtendedLifetime(folder) {}
    }
}
