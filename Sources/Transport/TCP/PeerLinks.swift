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
    /// By the raw value of their service, as far as services have been registered.
    @exclusivity(unchecked) private var handlers: [(any RequestHandler)?] = []
    @exclusivity(unchecked) var statistics = TransportStatistics()
    @exclusivity(unchecked) var isClosing = false
    /// Resumed when the last connection is gone.
    var whenAllClosed: CheckedContinuation<Void, Never>?
    /// The actor in whose isolation handlers are called; set from start to shutdown.
    weak var transport: TCPTransport?

    @exclusivity(unchecked) private(set) var links: [NodeID: Link] = [:]
    /// The link that was looked up last: messages come in runs to one peer.
    @exclusivity(unchecked) private var latestLink: (node: NodeID, link: Link)?
    var connections: [ObjectIdentifier: Connection] = [:]
    let calls: WaitingCalls
    private var callTimer: Scheduled<Void>?
    @exclusivity(unchecked) private var callTimerAt = MonotonicInstant.distantFuture
    private var lookTimer: RepeatedTask?

    /// Whether a connection is reading or waiting tasks are being run: the turn ends after that.
    @exclusivity(unchecked) private var isInTurn = false
    @exclusivity(unchecked) private var isTurnScheduled = false
    /// Connections with frames that have not been written.
    @exclusivity(unchecked) private var unflushed: [Connection] = []
    /// When the bytes came that are being read.
    @exclusivity(unchecked) private(set) var readAt = MonotonicInstant.zero

    /// What is known of one peer.
    final class Link {
        /// Where new messages go.
        @exclusivity(unchecked) var current: Connection?
        var isDialling = false
        /// What is sent as soon as there is a connection, in this order.
        var waiting: [Frame] = []
        var backoff = Backoff()

        var isForgettable: Bool { self.current == nil && !self.isDialling && self.backoff.notBefore == nil }
    }

    init(
        hello: Hello, settings: TransportSettings, contexts: TLSContexts?, addresses: any AddressBook,
        time: any TimeSource, random: any RandomNumberGenerator & Sendable, eventLoop: any EventLoop,
        calls: WaitingCalls, log: Logger
    ) {
        self.calls = calls
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

    func register(_ handler: any RequestHandler, for service: Service) {
        let index = Int(service.rawValue)
        while self.handlers.count <= index { self.handlers.append(nil) }
        self.handlers[index] = handler
    }

    func handler(of service: Service) -> (any RequestHandler)? {
        let index = Int(service.rawValue)
        return index < self.handlers.count ? self.handlers[index] : nil
    }

    /// What is known of `node`, from now on if it was nothing.
    func link(to node: NodeID) -> Link {
        if let link = self.knownLink(to: node) { return link }
        let link = Link()
        self.links[node] = link
        return link
    }

    func knownLink(to node: NodeID) -> Link? {
        if let latest = self.latestLink, latest.node == node { return latest.link }
        guard let link = self.links[node] else { return nil }
        self.latestLink = (node, link)
        return link
    }

    func forgetLink(to node: NodeID) {
        self.links[node] = nil
        self.latestLink = nil
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

    // MARK: Turns

    /// A connection begins to read: what its frames lead to is sent at ``endTurn()``.
    func beginTurn() {
        self.isInTurn = true
        self.readAt = self.time.now
    }

    /// Lets the tasks go on whose calls have ended, then writes what all frames of this turn came to: one system call,
    /// and one TLS record, for each connection.
    func endTurn() {
        // A task can only be run where none is running; this happens when one of them makes a handler read.
        guard withUnsafeCurrentTask(body: { $0 == nil }) else {
            self.isInTurn = false
            return self.needTurn()
        }
        self.isInTurn = true
        self.calls.resumeDue()
        self.isInTurn = false
        let connections = self.unflushed
        self.unflushed.removeAll(keepingCapacity: true)
        for connection in connections {
            connection.flush()
        }
        if self.calls.hasDue { self.needTurn() }
    }

    /// Sees to it that a turn ends soon.
    private func needTurn() {
        guard !self.isInTurn, !self.isTurnScheduled else { return }
        self.isTurnScheduled = true
        self.eventLoop.assumeIsolated().execute {
            self.isTurnScheduled = false
            self.endTurn()
        }
    }

    /// Has `connection` write what it has collected at the end of this turn.
    func needFlush(of connection: Connection) {
        self.unflushed.append(connection)
        self.needTurn()
    }

    // MARK: Deadlines

    /// Arms the one timer of all calls, unless it fires early enough.
    func armCallTimer() {
        guard let next = self.calls.nextLook, next < self.callTimerAt else { return }
        self.callTimer?.cancel()
        self.callTimerAt = next
        let remaining = max((next - self.time.now).inNanoseconds, 0)
        self.callTimer = self.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(remaining)) {
            self.lookAtCalls()
        }
    }

    private func lookAtCalls() {
        self.callTimerAt = .distantFuture
        let expired = self.calls.look(at: self.time.now)
        self.statistics.timeouts += UInt64(expired.count)
        for (correlation, call) in expired {
            self.end(call, correlation, .failure(.timedOut))
        }
        if self.calls.hasDue { self.needTurn() }
        self.armCallTimer()
    }

    /// Gives a call that is no longer pending its one result.
    func end(_ call: WaitingCalls.Call, _ correlation: UInt64, _ outcome: WaitingCalls.Outcome) {
        self.calls.end(call, correlation, outcome)
        self.needTurn()
        guard let connection = call.connection else { return }
        connection.callsInFlight -= 1
        self.settle(connection)
    }

    // MARK: Shutdown

    /// Says goodbye, fails what this side has under way, and lets the peers' requests end.
    func beginShutdown() {
        self.isClosing = true
        self.lookTimer?.cancel()
        self.callTimer?.cancel()
        for (correlation, call) in self.calls.removeAll(where: { _ in true }) {
            self.end(call, correlation, .failure(.closed))
        }
        self.links.removeAll()
        self.latestLink = nil
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
