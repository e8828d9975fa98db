package import Basis
package import Logging
package import NIOCore
import NIOPosix

/// One modelled host, served over a UNIX socket to its own daemon, to other daemons that ask where a guest is, and to
/// other hosts that send guests. The death of its process is the crash of the host.
///
/// It lives on one event loop, which is also its only thread; there it owns the ``ModelledHostState``, and carries out
/// what that wants. Migrations go on when the daemon that ordered them goes away.
package actor ModelledHostServer {
    /// What a connection is for is shown by its first frame.
    private struct Connection {
        var channel: any Channel
        var stream: ModelledStreamID?
        var listens = false
    }

    private struct Call {
        var connection: UInt64
        var number: UInt64
    }

    /// The most connections at once; more are closed at once.
    private static let connectionsMax = 512
    /// What may wait to be read by the other end of a connection before it is closed, in bytes.
    private static let unreadBytesMax = 2 * ModelledFrame.lengthMax
    private static let connectTimeout = TimeAmount.seconds(5)

    private nonisolated let eventLoop: any EventLoop
    private nonisolated let time: any TimeSource
    private let log: Logger
    private var state: ModelledHostState
    private var listener: (any Channel)?
    private var connections: [UInt64: Connection] = [:]
    private var connectionsOfStreams: [ModelledStreamID: UInt64] = [:]
    private var calls: [ModelledCallID: Call] = [:]
    private var numbers: UInt64 = 0
    private var alarm: Scheduled<Void>?
    private var alarmAt = MonotonicInstant.distantFuture

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    /// A host that is up. Its endpoint should be the path it will listen at.
    package init(_ settings: ModelledHostSettings, time: any TimeSource, on eventLoop: any EventLoop, log: Logger) {
        self.eventLoop = eventLoop
        self.time = time
        self.log = log
        self.state = ModelledHostState(settings, at: time.now)
    }

    /// A host that logs nothing, on an event loop that the process shares.
    package init(_ settings: ModelledHostSettings, time: any TimeSource) {
        let silent = Logger(label: "modelled-host", factory: { _ in SwiftLogNoOpLogHandler() })
        self.init(settings, time: time, on: MultiThreadedEventLoopGroup.singleton.next(), log: silent)
    }

    /// Starts a guest on this host.
    ///
    /// - Throws: ``HypervisorError/refused(_:)`` when its numbers are unsound or its name is taken.
    package func boot(_ guest: ModelledGuest) throws(HypervisorError) {
        let call = ModelledCallID(number: self.nextNumber())
        for effect in self.state.handle(.request(.boot(guest), call), at: self.time.now) {
            if case .reply(.failure(let error), call, _) = effect { throw error }
            self.carryOut(effect)
        }
    }

    /// Begins to serve at `path`. A socket that nobody listens at any more is replaced.
    ///
    /// - Throws: ``ModelledSocketError``.
    package func listen(at path: String) async throws(ModelledSocketError) {
        guard let address = try? SocketAddress(unixDomainSocketPath: path) else { throw .pathTooLong(path: path) }
        if let other = try? await ClientBootstrap(group: self.eventLoop).connectTimeout(Self.connectTimeout)
            .connect(to: address).get()
        {
            other.close(promise: nil)
            throw .inUse(path: path)
        }
        do {
            self.listener = try await ServerBootstrap(group: self.eventLoop)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 1, high: Self.unreadBytesMax))
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try self.assumeIsolated { try $0.accept(channel) }
                    }
                }
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        } catch {
            throw .cannotListen(path: path, reason: "\(error)")
        }
        self.log.info(
            "modelled host is up",
            metadata: ["node": "\(self.state.settings.node)", "socket": "\(path)"])
    }

    /// Returns when the host has been shut down.
    package func untilClosed() async {
        // The future of a close does not fail.
        try? await self.listener?.closeFuture.get()
    }

    /// Stops listening and drops every connection: to the outside, a crash.
    package func close() async {
        self.alarm?.cancel()
        self.alarm = nil
        // The listener first, and in this turn: a driver that was cut off comes back at once, and must find nobody.
        self.listener?.close(promise: nil)
        for id in self.connections.keys.sorted() { self.connections[id]?.channel.close(promise: nil) }
        await self.untilClosed()
    }

    // MARK: Connections

    private func accept(_ channel: any Channel) throws {
        guard self.connections.count < Self.connectionsMax else {
            throw ModelledSocketError.tooManyConnections(max: Self.connectionsMax)
        }
        try self.adopt(channel, as: nil)
    }

    private func adopt(_ channel: any Channel, as stream: ModelledStreamID?) throws {
        let id = self.nextNumber()
        self.connections[id] = Connection(channel: channel, stream: stream)
        if let stream { self.connectionsOfStreams[stream] = id }
        try channel.serve(
            ModelledConnectionHandler(
                onFrame: { frame in try self.assumeIsolated { try $0.take(frame, from: id) } },
                onEnd: { reason in self.assumeIsolated { $0.forget(id, reason: reason) } }))
    }

    private func take(_ frame: ModelledFrame, from id: UInt64) throws {
        switch frame.kind {
        case .request:
            let call = ModelledCallID(number: self.nextNumber())
            self.calls[call] = Call(connection: id, number: frame.call)
            do throws(ModelledWireError) {
                self.handle(.request(try ModelledRequest(bytes: frame.body), call))
            } catch {
                self.reply(.failure(.refused("malformed request: \(error)")), to: call)
            }
        case .stream:
            let message = try ModelledStreamMessage(bytes: frame.body)
            let stream = self.connections[id]?.stream ?? .incoming(id)
            self.connections[id]?.stream = stream
            self.connectionsOfStreams[stream] = id
            self.handle(.received(message, stream))
        case .listen:
            self.connections[id]?.listens = true
        case .reply, .progress, .event:
            throw ModelledWireError.unknownTag(of: "frame to a host", frame.kind.rawValue)
        }
    }

    private func forget(_ id: UInt64, reason: String) {
        guard let connection = self.connections.removeValue(forKey: id) else { return }
        self.calls = self.calls.filter { $0.value.connection != id }
        guard let stream = connection.stream, self.connectionsOfStreams.removeValue(forKey: stream) != nil else {
            return
        }
        self.handle(.streamBroken(stream, reason: reason))
    }

    // MARK: Events and effects

    private func handle(_ event: ModelledEvent) {
        for effect in self.state.handle(event, at: self.time.now) { self.carryOut(effect) }
        self.setAlarm()
    }

    private func carryOut(_ effect: ModelledEffect) {
        switch effect {
        case .reply(let reply, let call, let delay):
            guard delay > .zero else { return self.reply(reply, to: call) }
            self.eventLoop.scheduleTask(in: .nanoseconds(delay.inNanoseconds)) {
                self.assumeIsolated { $0.reply(reply, to: call) }
            }
        case .progress(let progress, let call):
            guard let waiting = self.calls[call] else { return }
            var body = ByteBuffer()
            body.write(progress)
            self.send(ModelledFrame(.progress, call: waiting.number, body: body), to: waiting.connection)
        case .open(let stream, let endpoint):
            self.connect(stream, to: endpoint)
        case .send(let message, let stream):
            guard let id = self.connectionsOfStreams[stream] else { return }
            self.send(ModelledFrame(.stream, body: message.bytes), to: id)
        case .close(let stream):
            guard let id = self.connectionsOfStreams.removeValue(forKey: stream) else { return }
            self.connections[id]?.channel.close(promise: nil)
        case .announce(let event):
            var body = ByteBuffer()
            body.write(event)
            for (id, connection) in self.connections where connection.listens {
                self.send(ModelledFrame(.event, body: body), to: id)
            }
        }
    }

    private func reply(_ reply: ModelledReply, to call: ModelledCallID) {
        // Nobody waits when the client has gone meanwhile.
        guard let waiting = self.calls.removeValue(forKey: call) else { return }
        self.send(ModelledFrame(.reply, call: waiting.number, body: reply.bytes), to: waiting.connection)
    }

    private func send(_ frame: ModelledFrame, to id: UInt64) {
        guard let channel = self.connections[id]?.channel else { return }
        guard channel.isWritable else {
            self.log.warning(
                "a connection is closed: it does not read what it asked for",
                metadata: ["unreadBytesMax": "\(Self.unreadBytesMax)"])
            channel.close(promise: nil)
            return
        }
        channel.writeAndFlush(frame, promise: nil)
    }

    private func connect(_ stream: ModelledStreamID, to endpoint: MigrationEndpoint) {
        ClientBootstrap(group: self.eventLoop).connectTimeout(Self.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.assumeIsolated { try $0.adopt(channel, as: stream) }
                }
            }
            .connect(unixDomainSocketPath: endpoint.uri)
            .whenComplete { result in
                self.assumeIsolated { host in
                    switch result {
                    case .success: host.handle(.streamOpened(stream))
                    case .failure(let error): host.connectionFailed(stream, to: endpoint, error)
                    }
                }
            }
    }

    private func connectionFailed(_ stream: ModelledStreamID, to endpoint: MigrationEndpoint, _ error: any Error) {
        if let id = self.connectionsOfStreams.removeValue(forKey: stream) { self.connections[id] = nil }
        self.handle(.streamBroken(stream, reason: "\(endpoint.uri): \(error)"))
    }

    private func setAlarm() {
        let next = self.state.nextDeadline ?? .distantFuture
        guard next != self.alarmAt else { return }
        self.alarm?.cancel()
        self.alarm = nil
        self.alarmAt = next
        guard next != .distantFuture else { return }
        let wait = max(next - self.time.now, .zero)
        self.alarm = self.eventLoop.scheduleTask(in: .nanoseconds(wait.inNanoseconds)) {
            self.assumeIsolated { host in
                host.alarmAt = .distantFuture
                host.handle(.timePassed)
            }
        }
    }

    private func nextNumber() -> UInt64 {
        self.numbers += 1
        return self.numbers
    }
}
