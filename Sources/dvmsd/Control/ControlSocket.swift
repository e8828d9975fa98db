import ControlProtocol
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The control socket: a UNIX socket, mode 0600, for root and the user of the daemon.
struct ControlSocket: Sendable {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let path: String
    private let listener: NIOAsyncChannel<Connection?, Never>
    private let log: Logger

    /// How many may wait to be accepted.
    private static let backlog: Int32 = 16
    /// How many connections are served at a time; one more is told so and closed.
    static let connectionsMax = 128
    private static let connectTimeout = TimeAmount.seconds(1)

    /// Begins to listen at `path`. A socket file that nobody serves any more is replaced; one that is served is not.
    static func open(at path: String, on eventLoop: any EventLoop, log: Logger) async throws(StartError)
        -> ControlSocket
    {
        let address: SocketAddress
        do {
            address = try SocketAddress(unixDomainSocketPath: path)
        } catch {
            throw .controlSocket(path: path, reason: "the path is too long for a socket")
        }
        try await self.refuseIfServed(address, path, eventLoop)
        let count = ConnectionCount()
        do {
            let listener = try await ServerBootstrap(group: eventLoop)
                .serverChannelOption(.backlog, value: Self.backlog)
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                    Self.accept(channel, count, log)
                }
            guard chmod(path, 0o600) == 0 else {
                throw StartError.controlSocket(path: path, reason: String(cString: strerror(errno)))
            }
            return ControlSocket(path: path, listener: listener, log: log)
        } catch let error as StartError {
            throw error
        } catch {
            throw .controlSocket(path: path, reason: "\(error)")
        }
    }

    private static func refuseIfServed(
        _ address: SocketAddress, _ path: String, _ eventLoop: any EventLoop
    ) async throws(StartError) {
        let other = try? await ClientBootstrap(group: eventLoop).connectTimeout(Self.connectTimeout)
            .connect(to: address).get()
        guard let other else { return }
        other.close(promise: nil)
        throw .controlSocket(path: path, reason: "another daemon serves it; give each its own control_socket")
    }

    /// Nil for a connection that is not served: of a peer that may not command this daemon, or one too many. It is
    /// closed here, since a `Connection` may only be made of a channel that will be served.
    private static func accept(
        _ channel: any Channel, _ count: ConnectionCount, _ log: Logger
    ) -> EventLoopFuture<Connection?> {
        PeerCredentials.of(channel).flatMap { peer in
            guard peer.mayCommand(daemonOf: geteuid()) else {
                log.warning(
                    "refused a control connection", metadata: ["user": "\(peer.user)", "pid": "\(peer.process)"])
                return channel.close().map { nil }
            }
            guard count.begin(below: Self.connectionsMax) else {
                // Once until there is room again: who tries anew at once would fill the log.
                if count.isFirstRefusal() {
                    log.warning(
                        "refuses control connections: too many are open",
                        metadata: ["limit": "\(Self.connectionsMax)", "pid": "\(peer.process)"])
                }
                Self.refuse(channel)
                return channel.eventLoop.makeSucceededFuture(nil)
            }
            channel.closeFuture.whenComplete { _ in count.end() }
            return channel.eventLoop.makeCompletedFuture {
                let connection = try Connection(wrappingChannelSynchronously: channel)
                // A `Connection` traps when it goes before its channel has closed, and one that is accepted while the
                // socket is being closed is never handed to who would serve it.
                channel.closeFuture.whenComplete { _ in withExtendedLifetime(connection) {} }
                return connection
            }
        }
    }

    /// Says why, and closes. The words go out as soon as the channel is open; whether the peer reads them, or has
    /// written meanwhile, is not waited for.
    private static func refuse(_ channel: any Channel) {
        let error = ControlError(
            .unavailable, "\(Self.connectionsMax) connections to the control socket are open, and more are not served")
        channel.writeAndFlush(ByteBuffer(bytes: ControlLine.bytes(error: error, id: nil)))
            .whenComplete { _ in channel.close(promise: nil) }
    }

    /// Serves connections until the task is cancelled; then removes the socket file.
    func serve(_ service: ControlService) async {
        do {
            try await self.listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        guard let connection else { continue }
                        group.addTask { await ControlConnection(connection, service, self.log).serve() }
                    }
                }
            }
        } catch is CancellationError {
            self.log.debug("the control socket is closed")
        } catch {
            self.log.error("the control socket ended", metadata: ["reason": "\(error)"])
        }
        unlink(self.path)
    }
}

/// How many connections are open now.
private final class ConnectionCount: Sendable {
    private let state = Mutex((count: 0, refuses: false))

    func begin(below limit: Int) -> Bool {
        self.state.withLock { state in
            guard state.count < limit else { return false }
            state = (state.count + 1, false)
            return true
        }
    }

    /// Whether nothing was refused since a connection was last let in.
    func isFirstRefusal() -> Bool {
        self.state.withLock { state in
            defer { state.refuses = true }
            return !state.refuses
        }
    }

    func end() {
        self.state.withLock { $0.count -= 1 }
    }
}
