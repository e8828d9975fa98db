import Basis

/// How well messages get from one node to another. Shares are in millionths, drawn anew for each message.
package struct LinkQuality: Hashable, Sendable {
    /// The least and the greatest time on the way; drawn evenly between.
    package var latencyMin: Duration
    package var latencyMax: Duration

    /// The share of messages that are lost without a word. 0…1,000,000.
    package var lossPerMillion: Int

    /// The share of messages that arrive twice, the copy with a latency of its own.
    package var duplicationPerMillion: Int

    /// The share of messages that are held up by up to ``delayMax`` on top of the latency.
    package var delayPerMillion: Int
    package var delayMax: Duration

    /// Whether messages of this link arrive in the order of sending, as on one connection; copies and held up messages
    /// then hold up those behind them. Links never wait for each other.
    package var keepsOrder: Bool

    package init(
        latencyMin: Duration = .microseconds(100), latencyMax: Duration = .microseconds(500), lossPerMillion: Int = 0,
        duplicationPerMillion: Int = 0, delayPerMillion: Int = 0, delayMax: Duration = .zero, keepsOrder: Bool = true
    ) {
        precondition(.zero <= latencyMin && latencyMin <= latencyMax && .zero <= delayMax, "time on a link is positive")
        for share in [lossPerMillion, duplicationPerMillion, delayPerMillion] {
            precondition((0...1_000_000).contains(share), "a share of \(share) millionths is none")
        }
        self.latencyMin = latencyMin
        self.latencyMax = latencyMax
        self.lossPerMillion = lossPerMillion
        self.duplicationPerMillion = duplicationPerMillion
        self.delayPerMillion = delayPerMillion
        self.delayMax = delayMax
        self.keepsOrder = keepsOrder
    }

    /// A quiet local network.
    package static let local = LinkQuality()
}

extension LinkQuality {
    func isDrawn(_ perMillion: Int, using generator: inout some RandomNumberGenerator) -> Bool {
        perMillion > 0 && Int.random(in: 0..<1_000_000, using: &generator) < perMillion
    }

    /// The time that one message takes.
    func drawTime(using generator: inout some RandomNumberGenerator) -> Duration {
        let latency = Int64.random(in: self.latencyMin.inNanoseconds...self.latencyMax.inNanoseconds, using: &generator)
        guard self.isDrawn(self.delayPerMillion, using: &generator) else { return .nanoseconds(latency) }
        return .nanoseconds(latency + Int64.random(in: 0...self.delayMax.inNanoseconds, using: &generator))
    }
}
