package import Basis
package import ClusterActors
package import Journal
package import Logging
import Placement
import Synchronization

/// Where the agent's events go: numbered, handed to whoever follows, logged, and written to the journal in batches.
///
/// A class with a lock, because the agent tells in the middle of a turn and must not wait. ``run()`` writes.
package final class EventLog: AgentEventSink {
    private struct State {
        var lastSequence: UInt64
        var open = OpenRecords()
        var batch = NodeJournal.Batch()
        var dropped = 0
        var unsolved: [(isp: ISPID, problem: PlacementProblem)] = []
        var followers: [UInt64: AsyncStream<EventEntry>.Continuation] = [:]
        var followersEver: UInt64 = 0
        /// Resumed when the batch that is taken next has been written, or the writer has ended.
        var flushes: [CheckedContinuation<Void, Never>] = []
        var isWriting = false
        var isClosed = false

        mutating func take() -> Taken {
            let taken = Taken(batch: self.batch, dropped: self.dropped, unsolved: self.unsolved, flushes: self.flushes)
            self.batch = NodeJournal.Batch()
            self.dropped = 0
            self.unsolved = []
            self.flushes = []
            self.isWriting = !taken.batch.isEmpty
            return taken
        }
    }

    /// What is written at one time, and who waits for that.
    private struct Taken {
        var batch: NodeJournal.Batch
        var dropped: Int
        var unsolved: [(isp: ISPID, problem: PlacementProblem)]
        var flushes: [CheckedContinuation<Void, Never>]
    }

    /// Events that wait for the disk at the most; beyond it the newest are dropped and counted.
    static let pendingEventsMax = 20_000
    /// Unsolved problems that wait for the disk at the most; beyond it the newest are not written.
    static let pendingUnsolvedMax = 8
    /// Events that wait for one follower; a slower one loses the oldest, and can read them again by their sequence.
    static let followerEventsMax = 4_096
    static let followersMax = 64
    /// Each boot numbers its events from a multiple of this on: those of an earlier boot that were told and not yet
    /// written when it was killed had numbers too, and who has seen them goes on from there.
    static let eventsPerBoot: UInt64 = 1_000_000_000
    /// After a write that failed, how long until the next.
    private static let retryDelay = Duration.seconds(1)

    private let state: Mutex<State>
    private let journal: NodeJournal
    private let entries: EventEntries
    private let unsolved: UnsolvedProblems
    private let log: Logger
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(journal: NodeJournal, entries: EventEntries, unsolved: UnsolvedProblems, log: Logger) {
        self.journal = journal
        self.entries = entries
        self.unsolved = unsolved
        self.log = log
        self.state = Mutex(
            State(lastSequence: max(journal.lastEventSequence, (journal.boot - 1) * Self.eventsPerBoot)))
        (self.wakes, self.wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func record(_ event: AgentEvent, at instant: MonotonicInstant) {
        let entry = self.state.withLock { state in
            state.lastSequence += 1
            let entry = self.entries.event(event, at: instant, sequence: state.lastSequence)
            state.open.take(event, wallMilliseconds: entry.wallMilliseconds, into: &state.batch)
            if state.batch.events.count < Self.pendingEventsMax {
                state.batch.events.append(entry)
            } else {
                state.dropped += 1
            }
            if case .unsolved(let isp, let problem) = event, state.unsolved.count < Self.pendingUnsolvedMax {
                state.unsolved.append((isp, problem))
            }
            for follower in state.followers.values { follower.yield(entry) }
            return entry
        }
        self.wake.yield()
        self.write(entry, at: event.level)
    }

    private func write(_ entry: EventEntry, at level: Logger.Level) {
        var metadata: Logger.Metadata = ["kind": "\(entry.kind)"]
        if let isp = entry.isp { metadata["isp"] = "\(isp)" }
        self.log.log(level: level, "\(entry.text)", metadata: metadata)
    }

    // MARK: - Writing

    /// Writes what was told until ``close()``; then the rest, and returns.
    package func run() async {
        for await _ in self.wakes { await self.writeAll() }
        await self.writeAll()
        self.state.withLock { state in
            state.isClosed = true
            for flush in state.flushes { flush.resume() }
            state.flushes = []
            for follower in state.followers.values { follower.finish() }
        }
    }

    /// Nothing may be told afterwards.
    package func close() {
        self.wake.finish()
    }

    private func writeAll() async {
        while true {
            let taken = self.state.withLock { $0.take() }
            if taken.dropped > 0 { self.log.error("events were dropped", metadata: ["count": "\(taken.dropped)"]) }
            for (isp, problem) in taken.unsolved { self.write(problem, of: isp) }
            let goesOn = taken.batch.isEmpty ? false : await self.append(taken.batch)
            // Whatever has been told meanwhile: who waits would else wait as long as events come.
            for flush in taken.flushes { flush.resume() }
            guard goesOn else { return }
        }
    }

    private func write(_ problem: PlacementProblem, of isp: ISPID) {
        do {
            try self.unsolved.write(problem, of: "\(isp)")
        } catch {
            self.log.error(
                "an unsolved problem was not written",
                metadata: ["file": "\(self.unsolved.file(of: "\(isp)"))", "reason": "\(error)"])
        }
    }

    /// - Returns: whether to go on; after a failure the history of this batch is lost, and the daemon lives on.
    private func append(_ batch: NodeJournal.Batch) async -> Bool {
        do {
            try await self.journal.append(batch)
            return true
        } catch {
            self.log.error(
                "history was lost", metadata: ["events": "\(batch.events.count)", "reason": "\(error)"])
            try? await self.entries.time.sleep(for: Self.retryDelay)
            return !Task.isCancelled
        }
    }

    // MARK: - Reading

    /// Returns when everything told before is on disk, or could not be written, however much is told meanwhile.
    ///
    /// - Returns: the sequence of the last event told before.
    @discardableResult
    package func flush() async -> UInt64 {
        let last = self.state.withLock { $0.lastSequence }
        await withCheckedContinuation { continuation in
            let isDone = self.state.withLock { state in
                guard !state.isClosed, state.isWriting || !state.batch.isEmpty else { return true }
                state.flushes.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
        return last
    }

    /// Every event told from now on; nil when ``followersMax`` follow already.
    func follow() -> AsyncStream<EventEntry>? {
        let (stream, continuation) = AsyncStream<EventEntry>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.followerEventsMax))
        let number: UInt64? = self.state.withLock { state in
            guard !state.isClosed, state.followers.count < Self.followersMax else { return nil }
            state.followersEver += 1
            state.followers[state.followersEver] = continuation
            return state.followersEver
        }
        guard let number else { return nil }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.followers[number] = nil }
        }
        return stream
    }
}

extension AgentEvent {
    /// How loud an event is in the log: what an operator should see, what tells a story, and the rest.
    var level: Logger.Level {
        switch self {
        case .inDoubt, .hypervisorAway, .storeFailed: .warning
        case .ispStarted, .ispEnded, .migrationEnded, .settled, .agentStarted, .recovered, .hypervisorBack, .marked,
            .recommended, .memberChanged, .triggerBegan:
            .info
        default: .debug
        }
    }
}
