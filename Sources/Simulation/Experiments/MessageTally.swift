import ClusterActors

/// Counts whose business the messages of an experiment are, by the first byte of each: decoding them would cost more than
/// sending them.
///
/// Safe because a world runs on one thread.
final class MessageTally: @unchecked Sendable {
    private(set) var membership = 0
    private(set) var isp = 0
    private(set) var membershipArrivals = 0

    func take(_ message: SeenMessage) {
        let kind =
            message.isRequest ? MessageCodec.kind(ofRequest: message.body) : MessageCodec.kind(ofReply: message.body)
        switch (kind, message.moment) {
        case (.membership, .sent): self.membership += 1
        case (.membership, .arrived): self.membershipArrivals += 1
        case (.isp, .sent): self.isp += 1
        case (.isp, .arrived), (nil, _): return
        }
    }

    /// - Parameter total: messages of all kinds.
    func result(total: Int) -> ExperimentResult.Messages {
        ExperimentResult.Messages(
            membership: self.membership, isp: self.isp, other: total - self.membership - self.isp,
            membershipEventsLeast: self.membershipArrivals * Self.eventsPerArrivalLeast)
    }

    /// Each message that arrives is a timer; a request's is then a turn of the node that is asked, a reply's one of the
    /// node that asked.
    private static let eventsPerArrivalLeast = 2
}
