import Basis
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Everything that one node's transport knows of its peers: connections, dials, and the requests under way.
///
/// Confined to one event loop. The ``TCPTransport`` actor, whose executor is that loop, is the way in for callers; the
/// ``Connection`` handlers are the way in for peers. `PeerLinks+Connections` follows a connection from dial to end,
/// `PeerLinks+Messages` a message.
final class PeerLinks {
    let hello: Hello
    let settings: TransportSettings
    let time: any TimeSource
    let addresses: any AddressBook
    let eventLoop: any EventLoop
    let log: Logger
    /// Nil for plaintext.
    var contexts: TLSContexts?
    var random: any RandomNumberGenerator & Sendable
    var handlers: [Service: any RequestHandler] = [:]
    var statistics = TransportStatistics()
    var isClosing = false
    /// Resumed when the last connection is gone.
    var whenAllClosed: CheckedContinuation<Void, Never>?
    /// The actor in whose isolation handlers are called; set from start to shutdown.
    weak var transport: TCPTransport?

    var links: [NodeID: Link] = [:]
    var connections: [ObjectIdentifier: Connection] = [:]
    var calls = PendingCalls<Call>()
    private var lastCorrelation: UInt64 = 0
    private var deadlineTimer: Scheduled<Void>?
    private var lookTimer: RepeatedTask?

    /// What is known of one peer.
    struct Link {
        /// Where new messages go.
        var current: Connection?
        var isDialling = false
        /// What is sent as soon as there is a connection, in this order.
        var waiting: [Frame] = []
        var backoff = Backoff()

        var isForgettable: Bool { self.current == nil && !self.isDialling && self.backoff.notBefore == nil }
    }

    /// A request that has no answer yet.
    struct Call {
        var continuation: CheckedContinuation<Result<ByteBuffer, TransportError>, Never>
        /// Nil while it waits for one.
        var connection: Connection?
    }

    init(
        hello: Hello, settings: TransportSettings, contexts: TLSContexts?, addresses: any AddressBook,
        time: any TimeSource, random: any RandomNumberGenerator & Sendable, eventLoop: any EventLoop, log: Logger
    ) {
        self.hello = hello
        self.settings = settings
        self.contexts = contexts
        self.addresses = addresses
        self.time = time
        self.random = random
        self.eventLoop = eventLoop
        self.log = log
    }

    var localNode: NodeID { self.hello.identity.node }
    var isEncrypted: Bool { self.contexts != nil }

    func nextCorrelation() -> UInt64 {
        // From 1: correlation 0 means the whole connection.
        self.lastCorrelation += 1
        return self.lastCorrelation
    }

    /// Starts looking for silent peers.
    func startLooking() {
        let interval = TimeAmount(self.settings.pingInterval)
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.lookTimer = self.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            for connection in bound.value.connections.values {
                connection.look()
            }
        }
    }

    // MARK: Deadlines

    /// Arms the one timer for the next deadline of all calls.
    func armDeadlineTimer() {
        self.deadlineTimer?.cancel()
        self.deadlineTimer = nil
        guard let deadline = self.calls.nextDeadline else { return }
        let remaining = max((deadline - self.time.now).inNanoseconds, 0)
        self.deadlineTimer = self.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(remaining)) {
            self.expireCalls()
        }
    }

    private func expireCalls() {
        let expired = self.calls.expire(at: self.time.now)
        self.statistics.timeouts += UInt64(expired.count)
        for call in expired {
            self.end(call, .failure(.timedOut))
        }
        self.armDeadlineTimer()
    }

    /// Gives a call that is no longer pending its one result.
    func end(_ call: Call, _ result: Result<ByteBuffer, TransportError>) {
        call.continuation.resume(returning: result)
        guard let connection = call.connection else { return }
        connection.callsInFlight -= 1
        self.settle(connection)
    }

    // MARK: Shutdown

    /// Says goodbye, fails what this side has under way, and lets the peers' requests end.
    func beginShutdown() {
        self.isClosing = true
        self.lookTimer?.cancel()
        self.deadlineTimer?.cancel()
        for call in self.calls.removeAll(where: { _ in true }) {
            self.end(call, .failure(.closed))
        }
        self.links.removeAll()
        for connection in Array(self.connections.values) {
            connection.sendGoodbye()
            self.settle(connection)
        }
    }

    /// Ends what the grace did not suffice for.
    func closeAll() {
        for connection in Array(self.connections.values) {
            connection.closeNow("this node is shutting down")
        }
    }

    func announceIfAllClosed() {
        guard self.isClosing, self.connections.isEmpty else { return }
        self.whenAllClosed?.resume()
        self.whenAllClosed = nil
    }
}
