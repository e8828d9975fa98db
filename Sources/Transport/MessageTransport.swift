package import Basis
package import NIOCore

/// Which part of the daemon a message is for; the transport only routes by it.
package struct Service: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The ring: membership, reservations, ISPs.
    package static let agents = Service(rawValue: 1)
}

/// The port through which an agent talks to other agents.
///
/// Bodies are opaque bytes. A request ends in exactly one of: the peer's reply, the peer's refusal, or a
/// `TransportError`; an error says nothing about whether the peer acted, so every request must be safe to repeat.
package protocol MessageTransport: Sendable {
    /// Who the peers say we are.
    var localNode: NodeID { get }

    /// Sends `body` to `service` on `node` and waits for its reply.
    ///
    /// `node` is another node: nobody reaches himself through a transport.
    ///
    /// A cancelled task's request ends soon, within milliseconds.
    ///
    /// - Throws: ``TransportError``. After `deadline` it is always ``TransportError/timedOut``, never later.
    func request(
        _ body: ByteBuffer, to node: NodeID, service: Service, deadline: MonotonicInstant
    ) async throws(TransportError) -> ByteBuffer

    /// Sends `body` without waiting for anything; it may be lost.
    ///
    /// - Throws: ``TransportError`` when it is known at once that it cannot be sent.
    func send(_ body: ByteBuffer, to node: NodeID, service: Service) async throws(TransportError)

    /// From now on, requests and one-way messages for `service` go to `handler`. Before, they are refused.
    func register(_ handler: any RequestHandler, for service: Service) async
}

/// What answers the messages of one ``Service``.
///
/// Messages of one peer are handed over in the order in which they were sent, without waiting for one to be answered
/// before the next. A handler, and what it answers ``Answer/later(_:)`` up to its first suspension, may run on the
/// transport's event loop: it must not block, and long work belongs elsewhere.
package protocol RequestHandler: Sendable {
    /// Answers one request, or says how. A handler that finds itself in its own isolation can often answer at once,
    /// which spares the transport a task (ADR 0005).
    ///
    /// `node` is the verified name of the sender. Never throws: every request has an answer in every state.
    func answer(_ body: ByteBuffer, from node: NodeID) -> Answer

    /// Takes one one-way message.
    func take(_ body: ByteBuffer, from node: NodeID) async
}

/// How a request is answered. Nil refuses it as malformed: the bytes were not a request that the handler knows.
package enum Answer: Sendable {
    /// Runs where it is started from until it hops elsewhere by itself.
    package typealias Work = nonisolated(nonsending) @Sendable () async -> ByteBuffer?

    case now(ByteBuffer?)
    /// The transport starts this before it hands over the next message.
    case later(Work)
}

/// Why a message was not answered.
package enum TransportError: Error, Hashable, Sendable {
    /// The deadline passed. The peer may or may not have acted.
    case timedOut
    /// No connection, and none could be made (`reason` in words). The peer has not seen the message.
    case unreachable(reason: String)
    /// The connection broke while the request was under way. The peer may or may not have acted.
    case connectionLost
    /// The peer answered that it will not take this message.
    case refused(Refusal)
    /// A limit of this side was reached; nothing was sent.
    case limitReached(limit: String, value: Int)
    /// This transport has been shut down.
    case closed
    /// The waiting task was cancelled. The peer may or may not have acted.
    case cancelled
}

/// Why a peer refused a message, as it stands in the refusal frame.
package enum Refusal: UInt8, Hashable, Sendable, CaseIterable {
    /// The frame's kind or the protocol version is not known to the peer.
    case unknownKind = 1
    case unsupportedVersion = 2
    /// Nobody is registered for the service.
    case unknownService = 3
    /// The body is not a message of the service, or the answer to it does not fit into a frame.
    case malformed = 4
    /// Too many requests of this connection are under way at the peer.
    case tooManyInFlight = 5
    /// The peer is shutting down.
    case goingAway = 6
}
