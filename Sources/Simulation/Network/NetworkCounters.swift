import Transport

/// What became of the messages sent over one link, in one direction. A request and its reply are two messages.
package struct LinkCounters: Hashable, Sendable {
    /// Messages handed to the network, and the bytes of their bodies.
    package var sent = 0
    package var bytesSent = 0
    /// Arrivals; a message that was doubled arrives twice.
    package var delivered = 0
    package var bytesDelivered = 0
    /// Lost by the link's own ``LinkQuality/lossPerMillion``.
    package var lost = 0
    /// Stopped by a network split or an unplugged node, at sending or on the way.
    package var cut = 0
    /// Copies made by the link.
    package var duplicated = 0

    package init() {}

    package static func + (left: LinkCounters, right: LinkCounters) -> LinkCounters {
        var sum = left
        sum.sent += right.sent
        sum.bytesSent += right.bytesSent
        sum.delivered += right.delivered
        sum.bytesDelivered += right.bytesDelivered
        sum.lost += right.lost
        sum.cut += right.cut
        sum.duplicated += right.duplicated
        return sum
    }
}

/// How the requests of one node ended. Each ends in exactly one way.
package struct RequestCounters: Hashable, Sendable {
    package var sent = 0
    package var answered = 0
    package var refused = 0
    package var timedOut = 0
    package var unreachable = 0
    package var connectionLost = 0
    package var cancelled = 0
    /// Turned down on this side: closed, or a limit.
    package var notSent = 0
    /// Replies that came when nobody waited any more: after the deadline, or to a copy of the request.
    package var repliesUnused = 0

    package init() {}

    mutating func count(_ error: TransportError) {
        switch error {
        case .timedOut: self.timedOut += 1
        case .unreachable: self.unreachable += 1
        case .connectionLost: self.connectionLost += 1
        case .refused: self.refused += 1
        case .cancelled: self.cancelled += 1
        case .limitReached, .closed: self.notSent += 1
        }
    }
}
