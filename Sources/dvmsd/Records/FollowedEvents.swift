import ControlProtocol
import Journal

/// Events of the past, and those to come, for one client.
struct FollowedEvents: Sendable {
    /// What is told first.
    private let past: [EventEntry]
    /// The sequence up to which the client knows what there was, with ``past``.
    private let seen: UInt64
    /// The newest event when the client asked.
    private let last: UInt64
    /// From before ``last`` on. To a client that is slow it gives the newest only.
    private let live: AsyncStream<EventEntry>
    private let query: ControlEventQuery
    private let log: EventLog
    private let journal: NodeJournal

    init(
        past: [EventEntry], seen: UInt64, last: UInt64, live: AsyncStream<EventEntry>, query: ControlEventQuery,
        log: EventLog, _ journal: NodeJournal
    ) {
        self.past = past
        self.seen = seen
        self.last = last
        self.live = live
        self.query = query
        self.log = log
        self.journal = journal
    }

    /// Tells each event once, in order, until the stream ends or the task is cancelled. What the stream leaves out is read
    /// from the journal.
    ///
    /// - Throws: ``JournalError``, or what `tell` throws.
    func forEach(_ tell: (ControlEvent) async throws -> Void) async throws {
        for entry in self.past { try await tell(ControlEvent(entry)) }
        var seen = self.seen
        if seen < self.last {
            try await self.tellWritten(after: seen, through: self.last, tell)
            seen = self.last
        }
        for await entry in self.live where entry.sequence > seen {
            if entry.sequence > seen + 1 {
                await self.log.flush()
                try await self.tellWritten(after: seen, through: entry.sequence - 1, tell)
            }
            if self.query.selects(entry) { try await tell(ControlEvent(entry)) }
            seen = entry.sequence
        }
    }

    private func tellWritten(
        after first: UInt64, through last: UInt64, _ tell: (ControlEvent) async throws -> Void
    ) async throws {
        var read = first
        while read < last {
            let page = try await self.journal.events(after: read, limit: PastEvents.readEventsMax)
            guard let end = page.last else { return }
            for entry in page where entry.sequence <= last && self.query.selects(entry) {
                try await tell(ControlEvent(entry))
            }
            read = end.sequence
        }
    }
}
