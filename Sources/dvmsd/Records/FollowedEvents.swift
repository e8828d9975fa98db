import ControlProtocol
import Journal

/// Events of the past, and those to come, for one client.
struct FollowedEvents: Sendable {
    /// What is told first.
    var first: [EventEntry]
    /// The sequence up to which the client knows what there was, with ``first``.
    var seen: UInt64
    /// The newest event when the client asked.
    var last: UInt64
    /// From before ``last`` on. To a client that is slow it gives the newest only.
    var live: AsyncStream<EventEntry>
    var query: ControlEventQuery
    var log: EventLog
    var past: PastEvents

    /// Tells each event once, in order, until the stream ends or the task is cancelled. What the stream leaves out is read
    /// from the journal.
    ///
    /// - Throws: ``JournalError``, or what `tell` throws.
    func forEach(_ tell: (ControlEvent) async throws -> Void) async throws {
        for entry in self.first { try await tell(ControlEvent(entry)) }
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
        after start: UInt64, through last: UInt64, _ tell: (ControlEvent) async throws -> Void
    ) async throws {
        var read = start
        while let page = try await self.past.page(of: self.query, after: read, through: last) {
            for entry in page.selected where entry.sequence <= last { try await tell(ControlEvent(entry)) }
            read = page.end
        }
    }
}
