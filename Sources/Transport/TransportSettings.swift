/// The limits and times of a transport. Every one of them bounds something that a peer or a caller could grow.
package struct TransportSettings: Hashable, Sendable {
    /// The most bytes that a frame may announce, header included. A longer one ends the connection.
    package var frameBytesMax = 1_048_576
    /// Requests of ours without an answer, per connection.
    package var callsInFlightMax = 1_024
    /// Requests and messages of ours that wait for a connection, per peer.
    package var callsWaitingMax = 256
    /// Requests and one-way messages of the peer that are being handled here, per connection.
    package var requestsServedMax = 1_024
    /// Bytes that wait to be written, per connection. Above it nothing new is sent; a peer that does not even read
    /// what it is answered, a ping or a refusal included, is cut off.
    package var outboundBytesMax = 8_388_608
    /// Connections that may be open at once, dialled and accepted.
    package var connectionsMax = 8_192
    /// How long a TCP connection may take to open.
    package var connectTimeout = Duration.seconds(2)
    /// How long after that the TLS handshake and the peer's hello may take.
    package var handshakeTimeout = Duration.seconds(3)
    /// How often each connection is looked at; one on which nothing was heard since is pinged.
    package var pingInterval = Duration.seconds(2)
    /// After how many such intervals in a row without a byte the peer counts as gone: a peer that vanished without a
    /// word is noticed within `pingInterval × (silentIntervalsMax + 1)`.
    package var silentIntervalsMax = 3
    /// How long after a first failed dial the peer is not dialled again. It doubles with each failure, up to
    /// `reconnectDelayMax`, and each wait is drawn evenly from the upper half, so that peers do not dial in step.
    package var reconnectDelayMin = Duration.milliseconds(50)
    package var reconnectDelayMax = Duration.seconds(5)
    /// How long a shutdown waits for the requests that are being answered.
    package var shutdownGrace = Duration.seconds(1)
    /// Permits plaintext beyond the loopback interface. Anybody on the network may then order migrations.
    package var insecure = false

    package init() {}

    /// What is wrong with these settings, in words; empty when they can be used.
    package var problems: [String] {
        var problems: [String] = []
        let counts = [
            ("frameBytesMax", self.frameBytesMax, 1_024...67_108_864),
            ("callsInFlightMax", self.callsInFlightMax, 1...1_048_576),
            ("callsWaitingMax", self.callsWaitingMax, 1...1_048_576),
            ("requestsServedMax", self.requestsServedMax, 1...1_048_576),
            ("outboundBytesMax", self.outboundBytesMax, min(self.frameBytesMax, 1_073_741_824)...1_073_741_824),
            ("connectionsMax", self.connectionsMax, 1...1_048_576),
            ("silentIntervalsMax", self.silentIntervalsMax, 1...1_000),
        ]
        for (name, value, range) in counts where !range.contains(value) {
            problems.append("\(name) is \(value); it may be \(range.lowerBound) to \(range.upperBound)")
        }
        let times = [
            ("connectTimeout", self.connectTimeout), ("handshakeTimeout", self.handshakeTimeout),
            ("pingInterval", self.pingInterval), ("reconnectDelayMin", self.reconnectDelayMin),
            ("reconnectDelayMax", self.reconnectDelayMax), ("shutdownGrace", self.shutdownGrace),
        ]
        for (name, value) in times where value < .milliseconds(1) || value > .seconds(3_600) {
            problems.append("\(name) is \(value); it may be 1 ms to 1 h")
        }
        if self.reconnectDelayMin > self.reconnectDelayMax {
            problems.append("reconnectDelayMin is above reconnectDelayMax")
        }
        return problems
    }
}

/// What a transport has done since it started. Only ever grows.
package struct TransportStatistics: Hashable, Sendable {
    package var framesIn: UInt64 = 0
    package var framesOut: UInt64 = 0
    /// Bytes of whole frames before encryption.
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    /// Refusals that this side sent.
    package var refusalsSent: UInt64 = 0
    /// Refusals that peers sent.
    package var refusalsReceived: UInt64 = 0
    /// Requests of ours that ended with ``TransportError/timedOut``.
    package var timeouts: UInt64 = 0
    /// Connections that reached a peer and its hello, whoever dialled.
    package var connections: UInt64 = 0
    /// Dials that did not.
    package var dialsFailed: UInt64 = 0
    /// One-way messages that were dropped because a limit was reached or nobody is registered.
    package var onewaysDropped: UInt64 = 0

    package init() {}
}
