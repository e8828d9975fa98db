package import ControlProtocol
package import Journal

/// The events of the journal that a query selects.
///
/// Pages of one query are exact: where the last event of a page has the sequence s, the next page is what comes after
/// s, and a page of fewer events than asked for is the last.
package struct PastEvents: Sendable {
    private let journal: NodeJournal

    /// Events that are read at one time: what is written to the journal waits for that.
    package static let readEventsMax = 1_000

    package init(_ journal: NodeJournal) {
        self.journal = journal
    }

    /// - Parameter last: Where the search ends, so that it does however fast events come: the newest that there was
    ///   when the query was made.
    /// - Returns: in their order, the newest, or with ``ControlEventQuery/after`` the oldest after that.
    package func selected(
        by query: ControlEventQuery, upTo last: UInt64
    ) async throws(JournalError) -> [EventEntry] {
        guard let after = query.after else { return try await self.newest(query) }
        guard query.isp != nil || query.vm != nil else {
            return try await self.journal.events(after: after, limit: query.limit)
        }
        var found: [EventEntry] = []
        var lookedAt = after
        while found.count < query.limit, let page = try await self.page(of: query, after: lookedAt, through: last) {
            found += page.selected
            lookedAt = page.end
        }
        return Array(found.prefix(query.limit))
    }

    /// What comes after the sequence `start`, as far as one read goes.
    ///
    /// - Returns: what the query selects of it, and the sequence that was looked at last, which may be beyond `last`; nil
    ///   when there is nothing up to `last`.
    func page(
        of query: ControlEventQuery, after start: UInt64, through last: UInt64
    ) async throws(JournalError) -> (selected: [EventEntry], end: UInt64)? {
        guard start < last else { return nil }
        let read = try await self.journal.events(after: start, limit: Self.readEventsMax)
        return read.last.map { end in (read.filter { query.selects($0) }, end.sequence) }
    }

    private func newest(_ query: ControlEventQuery) async throws(JournalError) -> [EventEntry] {
        switch (query.isp, query.vm) {
        case (nil, nil):
            return try await self.journal.events(after: nil, limit: query.limit)
        case (nil, let vm?):
            return try await self.journal.events(ofVM: vm, limit: query.limit)
        case (let isp?, nil):
            return try await self.journal.events(ofISP: isp, limit: query.limit)
        case (let isp?, _?):
            // Only among all events of the ISP are the newest of the guest to be found; an ISP has few.
            let all = try await self.journal.events(ofISP: isp, limit: .max)
            return Array(all.filter { query.selects($0) }.suffix(query.limit))
        }
    }
}

extension ControlEventQuery {
    func selects(_ entry: EventEntry) -> Bool {
        (self.isp == nil || self.isp == entry.isp) && (self.vm == nil || self.vm == entry.vm)
            && entry.sequence > (self.after ?? 0)
    }
}
