import Basis

/// Measures how many nodes host guests: the others could be switched off.
struct OnlineMeter: Sendable {
    private var guests: [Int]
    private var online: Int
    private var since: MonotonicInstant
    private let began: MonotonicInstant
    private var nodeSeconds = 0.0
    private(set) var least: Int

    /// - Parameter places: by guest, its node at first.
    init(nodes: Int, places: [Int], at now: MonotonicInstant) {
        var guests = Array(repeating: 0, count: nodes)
        for node in places { guests[node] += 1 }
        self.guests = guests
        self.online = guests.count { $0 > 0 }
        self.least = self.online
        self.since = now
        self.began = now
    }

    /// So many more copies of guests, or fewer, stand on `node` from now on.
    mutating func change(_ node: Int, by copies: Int, at now: MonotonicInstant) {
        let was = self.guests[node] > 0
        self.guests[node] += copies
        let isOnline = self.guests[node] > 0
        guard was != isOnline else { return }
        self.nodeSeconds += Double(self.online) * (now - self.since).inSeconds
        self.since = now
        self.online += isOnline ? 1 : -1
        self.least = min(self.least, self.online)
    }

    /// Over the whole time so far.
    func mean(at now: MonotonicInstant) -> Double {
        let seconds = (now - self.began).inSeconds
        guard seconds > 0 else { return Double(self.online) }
        return (self.nodeSeconds + Double(self.online) * (now - self.since).inSeconds) / seconds
    }
}
