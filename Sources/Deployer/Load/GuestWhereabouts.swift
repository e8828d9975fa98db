import Basis

/// Where guests were last seen, and a way to look again. Whoever misses one looks for all, and those who miss one at the
/// same time look once together.
actor GuestWhereabouts {
    private let hosts: [any LoadableHost]
    private let limit: Duration
    private let turnstile = Turnstile(width: 1)
    private var places: [String: [NodeID]] = [:]
    /// How often was looked.
    private(set) var looks = 0

    /// How many hosts are asked at once.
    private static let asksAtOnce = 64

    /// - Parameter limit: of one question.
    init(_ hosts: [any LoadableHost], limit: Duration) {
        self.hosts = hosts
        self.limit = limit
    }

    /// Hosts that have the guest: two while it migrates.
    func hosts(of guest: String) -> [any LoadableHost] {
        let ids = self.places[guest] ?? []
        return self.hosts.filter { ids.contains($0.id) }
    }

    /// Asks all hosts, unless somebody has since `seen`, which is what ``looks`` was when a guest was missed.
    func look(since seen: Int) async {
        // One that is cancelled while it waits has no more use for the answer.
        try? await self.turnstile.pass(orThrow: CancellationError()) { () throws(CancellationError) in
            await self.askAll(since: seen)
        }
    }

    private func askAll(since seen: Int) async {
        guard self.looks == seen else { return }
        let limit = self.limit
        self.places = await withTaskGroup(of: (NodeID, [String]).self) { group in
            var places: [String: [NodeID]] = [:]
            var waiting = self.hosts.makeIterator()
            func addNext() {
                guard let host = waiting.next() else { return }
                // A host that does not answer has no guests that could be reached.
                group.addTask { (host.id, (try? await host.guests(within: limit)) ?? []) }
            }
            for _ in 0..<Self.asksAtOnce { addNext() }
            while let (host, guests) = await group.next() {
                for guest in guests { places[guest, default: []].append(host) }
                addNext()
            }
            return places
        }
        self.looks += 1
    }
}
