import ControlProtocol
import Journal
import Testing
import dvmsd

/// Of 3,000 events every tenth is of a guest, every fifteenth of an ISP.
@Suite("What a query selects of the journal")
struct PastEventsTests {
    private let folder: TemporaryFolder
    private let past: PastEvents
    private static let count: UInt64 = 3_000

    init() async throws {
        self.folder = try TemporaryFolder()
        let journal = try NodeJournal(path: self.folder.journal)
        let events = (1...Self.count).map { sequence in
            EventEntry(
                sequence: sequence, wallMilliseconds: 1, kind: "granted", isp: sequence % 15 == 0 ? "n1#1.1" : nil,
                vm: sequence % 10 == 0 ? "web1" : nil, text: "")
        }
        try await journal.append(.init(events: events))
        self.past = PastEvents(journal)
    }

    private func query(_ change: (inout ControlEventQuery) -> Void) -> ControlEventQuery {
        var query = ControlEventQuery()
        change(&query)
        return query
    }

    /// All pages from the first on.
    private func pages(of query: ControlEventQuery) async throws -> [UInt64] {
        var (query, told) = (query, [UInt64]())
        query.after = 0
        while true {
            let page = try await self.past.selected(by: query, upTo: Self.count).map(\.sequence)
            told += page
            guard page.count == query.limit, let last = page.last else { return told }
            query.after = last
        }
    }

    @Test("is told page by page without a gap, whatever is asked for", arguments: [7, 200, 5_000])
    func pages(limit: Int) async throws {
        let all = try await self.pages(of: self.query { $0.limit = limit })
        #expect(all == Array(1...Self.count))
        let guest = try await self.pages(
            of: self.query {
                $0.vm = "web1"
                $0.limit = limit
            })
        #expect(guest == Array(stride(from: 10, through: Self.count, by: 10)))
        let both = try await self.pages(
            of: self.query {
                $0.isp = "n1#1.1"
                $0.vm = "web1"
                $0.limit = limit
            })
        #expect(both == Array(stride(from: 30, through: Self.count, by: 30)))
    }

    @Test("is the newest where no beginning is named, also of an ISP and a guest together")
    func newest() async throws {
        func selected(_ change: (inout ControlEventQuery) -> Void) async throws -> [UInt64] {
            let query = self.query {
                $0.limit = 2
                change(&$0)
            }
            return try await self.past.selected(by: query, upTo: Self.count).map(\.sequence)
        }
        #expect(try await selected { _ in } == [2_999, 3_000])
        #expect(try await selected { $0.isp = "n1#1.1" } == [2_985, 3_000])
        #expect(try await selected { $0.vm = "web1" } == [2_990, 3_000])
        #expect(
            try await selected {
                $0.isp = "n1#1.1"
                $0.vm = "web1"
            } == [2_970, 3_000])
    }

    @Test("is looked for up to the newest event that there was, so that a search ends while events come")
    func end() async throws {
        let query = self.query {
            $0.vm = "web1"
            $0.after = 0
            $0.limit = 1_000
        }
        let found = try await self.past.selected(by: query, upTo: 10).map(\.sequence)
        #expect(found.first == 10)
        // The rest of what was read in one go with it.
        #expect(found.last == UInt64(PastEvents.readEventsMax))
    }
}
