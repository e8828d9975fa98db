import Basis

/// One direction between two nodes.
struct Link: Hashable {
    private let ports: UInt64

    init(_ sender: SimulatedNetwork.Port, _ receiver: SimulatedNetwork.Port) {
        self.ports = UInt64(sender.number) << 32 | UInt64(receiver.number)
    }
}

/// When the last message arrives that is on its way on each link, so that none overtakes another.
///
/// Links on which nothing is under way are forgotten now and then: in a large ring nearly every message has one of its own.
struct LastArrivals {
    /// With fewer links than this none is forgotten.
    private static let linksMin = 1_024

    private var instants: [Link: MonotonicInstant] = [:]
    private var sweepAt = Self.linksMin

    /// The instant at which a message arrives on `link` that would arrive at `instant` if it were alone.
    mutating func next(on link: Link, at instant: MonotonicInstant, now: MonotonicInstant) -> MonotonicInstant {
        if self.instants.count >= self.sweepAt {
            self.instants = self.instants.filter { $0.value > now }
            self.sweepAt = max(Self.linksMin, self.instants.count * 2)
        }
        return Self.postpone(&self.instants[link, default: instant], to: instant)
    }

    private static func postpone(_ last: inout MonotonicInstant, to instant: MonotonicInstant) -> MonotonicInstant {
        last = max(last, instant)
        return last
    }
}
