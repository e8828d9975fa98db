package import Basis
package import NIOCore
import NIOPosix
package import Placement

/// The driver of a modelled host that is another process, over its UNIX socket.
///
/// It connects again for as long as it is open; while the host is away calls throw `unreachable`. A host that does not
/// answer in time counts as away, and its connection is dropped. A migration goes on in the host whatever becomes of
/// this driver, unless the caller's task is cancelled.
package actor ModelledSocketDriver: ModelledClient {
    /// → connecting → greeting → connected, and back to away from each; closed is for ever.
    private enum Connection {
        case away
        case connecting
        /// The channel is there, the host has not answered yet.
        case greeting(any Channel)
        case connected(any Channel)
        case closed
    }

    private struct Call {
        var answer: CheckedContinuation<ModelledReply, Never>
        var timeout: Scheduled<Void>?
        var onProgress: (@Sendable (MigrationProgress) -> Void)?
    }

    /// How long an answer, or the next report of a migration, may take.
    private static let answerTimeout = TimeAmount.seconds(10)
    private static let greetingTimeout = TimeAmount.seconds(2)
    private static let reconnectDelayFirst = TimeAmount.milliseconds(50)
    private static let reconnectDelayMax = TimeAmount.seconds(1)
    private static let callsMax = 1_024

    private nonisolated let eventLoop: any EventLoop
    private nonisolated let feed = HypervisorEventFeed()
    package nonisolated let path: String
    package nonisolated let time: any TimeSource
    private nonisolated let reconnects: Bool
    private var connection = Connection.away
    private var lastReason = "not connected yet"
    private var reconnectDelay = ModelledSocketDriver.reconnectDelayFirst
    private var calls: [UInt64: Call] = [:]
    /// Asked before the first attempt to connect has ended.
    private var waiting: [ModelledFrame] = []
    private var callsEver: UInt64 = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    /// Begins to connect to the host at `path`; calls made meanwhile wait for the outcome.
    package init(path: String, time: any TimeSource, on eventLoop: any EventLoop) {
        self.init(path: path, time: time, on: eventLoop, reconnects: true)
    }

    /// On an event loop that the process shares.
    package init(path: String, time: any TimeSource) {
        self.init(path: path, time: time, on: MultiThreadedEventLoopGroup.singleton.next(), reconnects: true)
    }

    private init(path: String, time: any TimeSource, on eventLoop: any EventLoop, reconnects: Bool) {
        self.path = path
        self.time = time
        self.eventLoop = eventLoop
        self.reconnects = reconnects
        self.connection = .connecting
        eventLoop.execute { self.assumeIsolated { $0.connect() } }
    }

    package func ask(_ request: ModelledRequest) async throws(HypervisorError) -> ModelledReply {
        let reply = await withCheckedContinuation { self.begin(request, onProgress: nil, $0) }
        if case .failure(let error) = reply { throw error }
        return reply
    }

    package func presence(
        of vm: VMID, at host: MigrationEndpoint
    ) async throws(HypervisorError) -> DomainPresence {
        let other = ModelledSocketDriver(path: host.uri, time: self.time, on: self.eventLoop, reconnects: false)
        do throws(HypervisorError) {
            let presence = try await other.presence(of: vm)
            await other.close()
            return presence
        } catch {
            await other.close()
            throw error
        }
    }

    package func migrate(
        _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws(HypervisorError) {
        guard !Task.isCancelled else { throw .aborted("\(order.ticket.vm): cancelled") }
        let reply = await withTaskCancellationHandler {
            await withCheckedContinuation { self.begin(.migrate(order), onProgress: onProgress, $0) }
        } onCancel: {
            // The reply to the migration follows the abort; the abort itself needs none.
            self.eventLoop.execute { self.assumeIsolated { $0.sendAbort(of: order.ticket.vm) } }
        }
        if case .failure(let error) = reply { throw error }
    }

    package nonisolated func events() -> AsyncStream<HypervisorEvent> {
        self.feed.listen()
    }

    /// Ends the driver: calls under way fail, events end, migrations go on.
    package func close() {
        let channel = self.channel
        self.connection = .closed
        self.failCalls("this driver is closed")
        self.feed.finish()
        channel?.close(promise: nil)
    }

    // MARK: Calls

    private func begin(
        _ request: ModelledRequest, onProgress: (@Sendable (MigrationProgress) -> Void)?,
        _ answer: CheckedContinuation<ModelledReply, Never>
    ) {
        guard self.calls.count < Self.callsMax else {
            answer.resume(returning: .failure(.refused("\(Self.callsMax) calls are under way already")))
            return
        }
        let frame = ModelledFrame(.request, call: self.nextCall(), body: request.bytes)
        switch self.connection {
        case .connected(let channel):
            channel.writeAndFlush(frame, promise: nil)
        case .connecting, .greeting:
            self.waiting.append(frame)
        case .away, .closed:
            answer.resume(returning: .failure(self.unreachable))
            return
        }
        self.calls[frame.call] = Call(
            answer: answer, timeout: self.timeOut(frame.call), onProgress: onProgress)
    }

    private func timeOut(_ call: UInt64) -> Scheduled<Void> {
        self.eventLoop.scheduleTask(in: Self.answerTimeout) {
            self.assumeIsolated { driver in
                guard driver.calls[call] != nil else { return }
                driver.drop("no answer within \(Self.answerTimeout.nanoseconds / 1_000_000_000) s")
            }
        }
    }

    private func sendAbort(of vm: VMID) {
        guard case .connected(let channel) = self.connection else { return }
        let request = ModelledRequest.abortMigration(vm)
        channel.writeAndFlush(ModelledFrame(.request, call: self.nextCall(), body: request.bytes), promise: nil)
    }

    private func take(_ frame: ModelledFrame) throws {
        switch frame.kind {
        case .reply:
            let reply = try ModelledReply(bytes: frame.body)
            if case .greeting(let channel) = self.connection, frame.call == 0 {
                self.becomeConnected(channel)
                return
            }
            guard let call = self.calls.removeValue(forKey: frame.call) else { return }
            call.timeout?.cancel()
            call.answer.resume(returning: reply)
        case .progress:
            var body = frame.body
            let progress = try body.readProgress()
            guard var call = self.calls[frame.call] else { return }
            call.timeout?.cancel()
            call.timeout = self.timeOut(frame.call)
            self.calls[frame.call] = call
            call.onProgress?(progress)
        case .event:
            var body = frame.body
            self.feed.announce(try body.readEvent())
        case .request, .stream, .listen:
            throw ModelledWireError.unknownTag(of: "frame to a driver", frame.kind.rawValue)
        }
    }

    // MARK: Connection

    private func connect() {
        if case .closed = self.connection { return }
        self.connection = .connecting
        ClientBootstrap(group: self.eventLoop).connectTimeout(Self.greetingTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.serve(
                        ModelledConnectionHandler(
                            onFrame: { frame in try self.assumeIsolated { try $0.take(frame) } },
                            onEnd: { reason in self.assumeIsolated { $0.lost(channel, reason) } }))
                }
            }
            .connect(unixDomainSocketPath: self.path)
            .whenComplete { result in
                self.assumeIsolated { driver in
                    switch result {
                    case .success(let channel): driver.greet(channel)
                    case .failure(let error): driver.becomeAway("\(error)")
                    }
                }
            }
    }

    /// A process that hangs still accepts connections; only its answer shows that it is there.
    private func greet(_ channel: any Channel) {
        guard case .connecting = self.connection, channel.isActive else {
            channel.close(promise: nil)
            return
        }
        self.connection = .greeting(channel)
        channel.write(ModelledFrame(.listen), promise: nil)
        channel.writeAndFlush(
            ModelledFrame(.request, call: 0, body: ModelledRequest.describeHost.bytes), promise: nil)
        self.eventLoop.scheduleTask(in: Self.greetingTimeout) {
            self.assumeIsolated { driver in
                guard case .greeting(let current) = driver.connection, current === channel else { return }
                driver.drop("connected, but no answer")
            }
        }
    }

    private func becomeConnected(_ channel: any Channel) {
        self.connection = .connected(channel)
        self.reconnectDelay = Self.reconnectDelayFirst
        for frame in self.waiting { channel.write(frame, promise: nil) }
        channel.flush()
        self.waiting = []
        self.feed.announce(.connected)
    }

    private func lost(_ channel: any Channel, _ reason: String) {
        guard self.channel === channel else { return }
        self.becomeAway(reason)
    }

    private func drop(_ reason: String) {
        let channel = self.channel
        self.becomeAway(reason)
        channel?.close(promise: nil)
    }

    private func becomeAway(_ reason: String) {
        switch self.connection {
        case .away, .closed: return
        case .connected: self.feed.announce(.disconnected)
        case .connecting, .greeting: break
        }
        self.connection = .away
        self.failCalls(reason)
        guard self.reconnects else { return }
        self.eventLoop.scheduleTask(in: self.reconnectDelay) { self.assumeIsolated { $0.connect() } }
        self.reconnectDelay = min(self.reconnectDelay * 2, Self.reconnectDelayMax)
    }

    private func failCalls(_ reason: String) {
        self.lastReason = reason
        self.waiting = []
        let calls = self.calls
        self.calls = [:]
        for call in calls.values {
            call.timeout?.cancel()
            call.answer.resume(returning: .failure(self.unreachable))
        }
    }

    private var channel: (any Channel)? {
        switch self.connection {
        case .greeting(let channel), .connected(let channel): channel
        case .away, .connecting, .closed: nil
        }
    }

    private var unreachable: HypervisorError { .unreachable("\(self.path): \(self.lastReason)") }

    private func nextCall() -> UInt64 {
        self.callsEver += 1
        return self.callsEver
    }
}
