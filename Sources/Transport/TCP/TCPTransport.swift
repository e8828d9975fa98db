package import Basis
package import Logging
package import NIOCore
import NIOPosix

/// ``MessageTransport`` over TCP: one multiplexed connection per pair of nodes, with mutual TLS or, on loopback
/// addresses, in the clear.
///
/// The actor lives on the event loop that is passed in. An agent that takes the same executor (``executor``) calls and
/// is called without leaving the thread; any other actor hops as usual.
package actor TCPTransport: MessageTransport {
    package nonisolated let localNode: NodeID
    /// The event loop of every connection.
    package nonisolated let eventLoop: any EventLoop
    /// What this actor, and the handlers of its messages, run on: the event loop.
    package nonisolated let executor: LoopExecutor
    /// Where it listens, with the port that the system chose if 0 was asked for.
    package private(set) var address: PeerAddress

    private let links: PeerLinks
    private let callResult: CallResult
    private let certificates: CertificateFiles?
    private let time: any TimeSource
    private let log: Logger
    private var listener: (any Channel)?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private init(
        identity: TransportIdentity, address: PeerAddress, certificates: CertificateFiles?, contexts: TLSContexts?,
        settings: TransportSettings, addresses: any AddressBook, time: any TimeSource,
        random: any RandomNumberGenerator & Sendable, eventLoop: any EventLoop, log: Logger
    ) {
        self.localNode = identity.node
        self.eventLoop = eventLoop
        self.executor = LoopExecutor(eventLoop)
        self.address = address
        self.certificates = certificates
        self.time = time
        self.log = log
        let calls = WaitingCalls(eventLoop: eventLoop, executor: self.executor)
        self.callResult = CallResult(calls)
        self.links = PeerLinks(
            hello: Hello(identity: identity), settings: settings, contexts: contexts, addresses: addresses, time: time,
            random: random, eventLoop: eventLoop, calls: calls, log: log)
    }

    /// Starts to listen on `address`; from then on peers are accepted and can be dialled.
    ///
    /// It must be ended by ``shutdown()``.
    ///
    /// - Parameters:
    ///   - address: port 0 lets the system choose one.
    ///   - certificates: nil for plaintext, which is for loopback addresses unless `settings.insecure` is set.
    ///   - random: draws the waits between dials; nothing secret depends on it.
    ///   - eventLoop: an event loop of NIOPosix, not shut down before this transport.
    /// - Throws: ``TransportStartError``.
    package static func start(
        identity: TransportIdentity, listenOn address: PeerAddress, addresses: any AddressBook,
        certificates: CertificateFiles? = nil, settings: TransportSettings = TransportSettings(),
        time: any TimeSource, random: any RandomNumberGenerator & Sendable, eventLoop: any EventLoop, log: Logger
    ) async throws(TransportStartError) -> TCPTransport {
        let problems = settings.problems
        guard problems.isEmpty else { throw .settings(problems) }
        let contexts: TLSContexts?
        do throws(CertificateError) {
            contexts = try await Self.contexts(from: certificates, node: identity.node, time: time)
        } catch {
            throw .certificate(error)
        }
        let transport = TCPTransport(
            identity: identity, address: address, certificates: certificates, contexts: contexts, settings: settings,
            addresses: addresses, time: time, random: random, eventLoop: eventLoop, log: log)
        try await transport.listen()
        return transport
    }

    // MARK: MessageTransport

    package func request(
        _ body: ByteBuffer, to node: NodeID, service: Service, deadline: MonotonicInstant
    ) async throws(TransportError) -> ByteBuffer {
        guard !Task.isCancelled else { throw .cancelled }
        let correlation = try self.links.start(body, to: node, service: service, deadline: deadline)
        guard let outcome = await self.callResult.get() else {
            return try await self.watchedResult(of: correlation).get()
        }
        return try outcome.get()
    }

    /// Waits on for a request that has not been answered soon, and ends it when the task is cancelled.
    private func watchedResult(of correlation: UInt64) async -> WaitingCalls.Outcome {
        let bound = NIOLoopBound(self.links, eventLoop: self.eventLoop)
        return await withTaskCancellationHandler {
            self.links.calls.expect(correlation)
            guard let outcome = await self.callResult.get() else {
                preconditionFailure("a task that watches for its cancellation waits until its call has ended")
            }
            return outcome
        } onCancel: {
            // Queued, so that it finds the call even when the task was cancelled before it got here.
            self.eventLoop.execute { bound.value.cancel(correlation) }
        }
    }

    package func send(_ body: ByteBuffer, to node: NodeID, service: Service) async throws(TransportError) {
        try self.links.send(body, to: node, service: service)
    }

    package func register(_ handler: any RequestHandler, for service: Service) async {
        self.links.register(handler, for: service)
    }

    // MARK: Operation

    package var statistics: TransportStatistics { self.links.statistics }

    /// The peers to which there is a connection now, in the order of their ids.
    package var connectedPeers: [NodeID] {
        self.links.links.filter { $0.value.current != nil }.keys.sorted()
    }

    /// Certificates that were read and found good.
    package struct LoadedCertificates: Sendable {
        /// Nil for plaintext.
        fileprivate let contexts: TLSContexts?
    }

    /// Reads the certificates again, and changes nothing: ``use(_:)`` does.
    package func loadCertificates() async throws(CertificateError) -> LoadedCertificates {
        LoadedCertificates(
            contexts: try await Self.contexts(from: self.certificates, node: self.localNode, time: self.time))
    }

    /// From now on new connections use these certificates; open ones go on.
    package func use(_ certificates: LoadedCertificates) {
        self.links.contexts = certificates.contexts
    }

    /// Ends the connection to a peer that is none any more, in good order, and keeps nothing of the peer but a dial that
    /// is under way. One that connects all the same is answered.
    package func forget(_ node: NodeID) {
        self.links.forget(node)
    }

    /// Says goodbye to every peer, ends own requests with ``TransportError/closed``, and waits up to `shutdownGrace`
    /// for the peers' requests to be answered. Returns when every connection is closed.
    package func shutdown() async {
        guard !self.links.isClosing else { return }
        self.links.beginShutdown()
        try? await self.listener?.close()
        self.listener = nil
        guard !self.links.connections.isEmpty else { return }
        let bound = NIOLoopBound(self.links, eventLoop: self.eventLoop)
        let grace = self.eventLoop.scheduleTask(in: TimeAmount(self.links.settings.shutdownGrace)) {
            bound.value.closeAll()
        }
        await withCheckedContinuation { self.links.whenAllClosed = $0 }
        grace.cancel()
    }

    // MARK: For the handlers' tasks

    func answered(_ correlation: UInt64, _ reply: ByteBuffer?, on connection: NIOLoopBound<Connection>) {
        self.links.answered(correlation, reply, on: connection.value)
    }

    func taken(on connection: NIOLoopBound<Connection>) {
        connection.value.serving -= 1
        self.links.settle(connection.value)
    }

    // MARK: Start

    private func listen() async throws(TransportStartError) {
        self.links.transport = self
        let bound = NIOLoopBound(self.links, eventLoop: self.eventLoop)
        let bootstrap = ServerBootstrap(group: self.eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, meant: nil) }
            }
        let socketAddress = try await Self.resolve(self.address)
        guard self.links.permits(socketAddress) else { throw .plaintextBeyondLoopback(self.address) }
        do {
            let listener = try await bootstrap.bind(to: socketAddress).get()
            self.listener = listener
            if let port = listener.localAddress?.port.flatMap({ UInt16(exactly: $0) }) {
                self.address.port = port
            }
        } catch let error as IOError where error.errnoCode == SystemErrorNumber.addressInUse {
            throw .addressInUse(self.address)
        } catch {
            throw .cannotListen(self.address, reason: FailureText.of(error))
        }
        self.links.startLooking()
        self.log.info(
            "listening", metadata: ["address": "\(self.address)", "tls": "\(self.links.isEncrypted)"])
    }

    /// Name resolution blocks its thread, so not on the event loop.
    @concurrent
    private static func resolve(_ address: PeerAddress) async throws(TransportStartError) -> SocketAddress {
        do {
            return try SocketAddress.makeAddressResolvingHost(address.host, port: Int(address.port))
        } catch {
            throw .cannotListen(address, reason: "the host name cannot be resolved")
        }
    }

    /// Reading files blocks its thread, so not on the event loop.
    @concurrent
    private static func contexts(
        from files: CertificateFiles?, node: NodeID, time: any TimeSource
    ) async throws(CertificateError) -> TLSContexts? {
        guard let files else { return nil }
        return try TLSContexts(files: files, node: node, now: time.wallClockMilliseconds)
    }
}

/// Why a transport did not start.
package enum TransportStartError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Each in words.
    case settings([String])
    case certificate(CertificateError)
    case addressInUse(PeerAddress)
    /// No TLS, and the address is not of the loopback interface.
    case plaintextBeyondLoopback(PeerAddress)
    case cannotListen(PeerAddress, reason: String)

    package var description: String {
        switch self {
        case .settings(let problems): "transport settings: \(problems.joined(separator: "; "))"
        case .certificate(let error): "\(error)"
        case .addressInUse(let address): "\(address) is in use by another process"
        case .plaintextBeyondLoopback(let address):
            "\(address) is not a loopback address: configure TLS, or set insecure to let anybody on the network in"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        }
    }
}
