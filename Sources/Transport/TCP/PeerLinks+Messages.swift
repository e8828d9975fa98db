import Basis
import Logging
import NIOCore

// A message from caller to wire, and from wire to handler.
extension PeerLinks {
    // MARK: Ours

    /// Starts a request. `continuation` is resumed exactly once, from whatever ends the call first.
    func start(
        _ body: ByteBuffer, to node: NodeID, service: Service, correlation: UInt64, deadline: MonotonicInstant,
        continuation: CheckedContinuation<Result<ByteBuffer, TransportError>, Never>
    ) {
        guard deadline > self.time.now else {
            self.statistics.timeouts += 1
            return continuation.resume(returning: .failure(.timedOut))
        }
        let frame = Frame(.request, flags: UInt16(service.rawValue), correlation: correlation, body: body)
        switch self.route(frame, to: node) {
        case .failure(let error):
            continuation.resume(returning: .failure(error))
        case .success(let connection):
            let mustArm = self.calls.insert(
                Call(continuation: continuation, connection: connection), correlation: correlation, deadline: deadline)
            if mustArm {
                self.armDeadlineTimer()
            }
            if let connection {
                connection.callsInFlight += 1
                connection.send(frame)
            }
        }
    }

    func send(_ body: ByteBuffer, to node: NodeID, service: Service) throws(TransportError) {
        let frame = Frame(.oneway, flags: UInt16(service.rawValue), body: body)
        try self.route(frame, to: node).get()?.send(frame)
    }

    /// Finds the connection for `frame`, or puts it in the queue of those that wait for one (nil).
    private func route(_ frame: Frame, to node: NodeID) -> Result<Connection?, TransportError> {
        guard !self.isClosing else { return .failure(.closed) }
        let bytes = Frame.headerBytes + frame.body.readableBytes
        guard bytes <= self.settings.frameBytesMax else {
            return .failure(.limitReached(limit: "frameBytesMax", value: bytes))
        }
        let link = self.links[node]
        if let connection = link?.current, !connection.isEnding {
            guard connection.callsInFlight < self.settings.callsInFlightMax else {
                return .failure(.limitReached(limit: "callsInFlightMax", value: connection.callsInFlight))
            }
            guard connection.outboundBytes <= self.settings.outboundBytesMax else {
                return .failure(.limitReached(limit: "outboundBytesMax", value: connection.outboundBytes))
            }
            return .success(connection)
        }
        guard node != self.localNode else {
            return .failure(.unreachable(reason: "\(node) is this node itself"))
        }
        if !(link?.isDialling ?? false) {
            if let notBefore = link?.backoff.notBefore, notBefore > self.time.now {
                let wait = (notBefore - self.time.now).inMilliseconds
                let reason = "\(link?.backoff.reason ?? ""); next dial in \(wait) ms"
                return .failure(.unreachable(reason: reason))
            }
            if let error = self.dial(node) { return .failure(error) }
        }
        let waiting = self.links[node]?.waiting.count ?? 0
        guard waiting < self.settings.callsWaitingMax else {
            return .failure(.limitReached(limit: "callsWaitingMax", value: waiting))
        }
        self.links[node]?.waiting.append(frame)
        return .success(nil)
    }

    func cancel(_ correlation: UInt64) {
        guard let (call, _) = self.calls.remove(correlation) else { return }
        self.end(call, .failure(.cancelled))
    }

    func replied(_ frame: Frame, on connection: Connection) {
        // A correlation is only worth something on the connection that carried the request.
        guard let (call, deadline) = self.calls.remove(frame.correlation, where: { $0.connection === connection })
        else { return }
        guard self.time.now < deadline else {
            self.statistics.timeouts += 1
            return self.end(call, .failure(.timedOut))
        }
        self.end(call, .success(frame.body))
    }

    func refused(_ frame: Frame, on connection: Connection) {
        self.statistics.refusalsReceived += 1
        guard let (call, _) = self.calls.remove(frame.correlation, where: { $0.connection === connection })
        else { return }
        // A reason that only newer peers know still means that the request was not taken.
        let refusal = frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self).flatMap(Refusal.init)
        self.end(call, .failure(.refused(refusal ?? .malformed)))
    }

    // MARK: The peer's

    /// Hands a request to its handler, or refuses it.
    func serve(_ frame: Frame, on connection: Connection) {
        guard !self.isClosing else { return connection.refuse(frame.correlation, as: .goingAway) }
        guard let handler = self.handlers[frame.service], let transport else {
            return connection.refuse(frame.correlation, as: .unknownService)
        }
        guard connection.serving < self.settings.requestsServedMax else {
            return connection.refuse(frame.correlation, as: .tooManyInFlight)
        }
        guard let node = connection.peer?.node, self.canStillAnswer(on: connection) else { return }
        connection.serving += 1
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        transport.assumeIsolated { transport in
            // Unstructured, because a request comes from outside every task; `requestsServedMax` bounds how many
            // there are. Immediate, because an ordinary task would be queued once before its first line: the
            // handler of an agent that lives on this loop starts, and often ends, within this very call.
            _ = Task.immediate(executorPreference: transport.taskExecutor) {
                let reply = await handler.answer(frame.body, from: node)
                transport.answered(frame.correlation, reply, on: bound)
            }
        }
    }

    func take(_ frame: Frame, on connection: Connection) {
        guard let handler = self.handlers[frame.service], let node = connection.peer?.node, let transport,
            !self.isClosing, connection.serving < self.settings.requestsServedMax
        else {
            self.statistics.onewaysDropped += 1
            return
        }
        connection.serving += 1
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        transport.assumeIsolated { transport in
            // Unstructured and immediate for the reasons given in `serve`.
            _ = Task.immediate(executorPreference: transport.taskExecutor) {
                await handler.take(frame.body, from: node)
                transport.taken(on: bound)
            }
        }
    }

    func answered(_ correlation: UInt64, _ reply: ByteBuffer?, on connection: Connection) {
        connection.serving -= 1
        defer { self.settle(connection) }
        guard let reply else { return connection.refuse(correlation, as: .malformed) }
        guard Frame.headerBytes + reply.readableBytes <= self.settings.frameBytesMax else {
            self.log.error(
                "a reply does not fit into a frame",
                metadata: ["peer": "\(connection.remote)", "bytes": "\(reply.readableBytes)"])
            return connection.refuse(correlation, as: .malformed)
        }
        connection.send(Frame(.reply, correlation: correlation, body: reply))
        _ = self.canStillAnswer(on: connection)
    }

    /// Cuts off a peer that asks and does not read its replies: they would pile up here.
    private func canStillAnswer(on connection: Connection) -> Bool {
        guard connection.outboundBytes > self.settings.outboundBytesMax else { return true }
        connection.close("\(connection.outboundBytes) bytes of replies wait to be read by the peer")
        return false
    }
}
