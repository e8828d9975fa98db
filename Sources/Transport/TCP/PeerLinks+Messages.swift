import Basis
import Logging
import NIOCore

// A message from caller to wire, and from wire to handler.
extension PeerLinks {
    // MARK: Ours

    /// Starts a request, whose task must hop to ``calls`` next.
    ///
    /// - Returns: its correlation.
    func start(
        _ body: ByteBuffer, to node: NodeID, service: Service, deadline: MonotonicInstant
    ) throws(TransportError) -> UInt64 {
        let now = self.time.now
        guard now < deadline else {
            self.statistics.timeouts += 1
            throw .timedOut
        }
        let route = try self.route(to: node, bodyBytes: body.readableBytes)
        let correlation = try self.calls.begin(on: route.connection, deadline: deadline, now: now)
        self.armCallTimer()
        let frame = Frame(.request, flags: UInt16(service.rawValue), correlation: correlation, body: body)
        switch route {
        case .connection(let connection):
            connection.callsInFlight += 1
            connection.send(frame)
        case .waiting(let link):
            link.waiting.append(frame)
        }
        return correlation
    }

    func send(_ body: ByteBuffer, to node: NodeID, service: Service) throws(TransportError) {
        let frame = Frame(.oneway, flags: UInt16(service.rawValue), body: body)
        switch try self.route(to: node, bodyBytes: body.readableBytes) {
        case .connection(let connection): connection.send(frame)
        case .waiting(let link): link.waiting.append(frame)
        }
    }

    /// Where a frame goes.
    private enum Route {
        case connection(Connection)
        /// Into the queue of those that wait for a connection.
        case waiting(Link)

        var connection: Connection? {
            if case .connection(let connection) = self { connection } else { nil }
        }
    }

    private func route(to node: NodeID, bodyBytes: Int) throws(TransportError) -> Route {
        guard !self.isClosing else { throw .closed }
        let bytes = Frame.headerBytes + bodyBytes
        guard bytes <= self.settings.frameBytesMax else { throw .limitReached(limit: "frameBytesMax", value: bytes) }
        let link = self.knownLink(to: node)
        guard let connection = link?.current, !connection.isEnding else {
            return .waiting(try self.linkInDial(to: node, link))
        }
        guard connection.callsInFlight < self.settings.callsInFlightMax else {
            throw .limitReached(limit: "callsInFlightMax", value: connection.callsInFlight)
        }
        guard connection.outboundBytes <= self.settings.outboundBytesMax else {
            throw .limitReached(limit: "outboundBytesMax", value: connection.outboundBytes)
        }
        return .connection(connection)
    }

    /// Dials `node` unless that is being done, and says what waits for the connection then.
    private func linkInDial(to node: NodeID, _ known: Link?) throws(TransportError) -> Link {
        guard node != self.localNode else { throw .unreachable(reason: "\(node) is this node itself") }
        if let notBefore = known?.backoff.notBefore, known?.isDialling == false, notBefore > self.time.now {
            let wait = (notBefore - self.time.now).inMilliseconds
            throw .unreachable(reason: "\(known?.backoff.reason ?? ""); next dial in \(wait) ms")
        }
        if !(known?.isDialling ?? false) {
            try self.dial(node)
        }
        let link = self.link(to: node)
        guard link.isDialling else { throw .unreachable(reason: link.backoff.reason) }
        guard link.waiting.count < self.settings.callsWaitingMax else {
            throw .limitReached(limit: "callsWaitingMax", value: link.waiting.count)
        }
        return link
    }

    func cancel(_ correlation: UInt64) {
        guard let call = self.calls.remove(correlation) else { return }
        self.end(call, correlation, .failure(.cancelled))
    }

    func replied(_ frame: Frame, on connection: Connection) {
        // A correlation is only worth something on the connection that carried the request.
        guard let (call, deadline) = self.calls.remove(frame.correlation, on: connection) else { return }
        guard self.readAt < deadline else {
            self.statistics.timeouts += 1
            return self.end(call, frame.correlation, .failure(.timedOut))
        }
        self.end(call, frame.correlation, .success(frame.body))
    }

    func refused(_ frame: Frame, on connection: Connection) {
        self.statistics.refusalsReceived += 1
        guard let (call, _) = self.calls.remove(frame.correlation, on: connection) else { return }
        // A reason that only newer peers know still means that the request was not taken.
        let refusal = frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self).flatMap(Refusal.init)
        self.end(call, frame.correlation, .failure(.refused(refusal ?? .malformed)))
    }

    // MARK: The peer's

    /// Hands a request to its handler, or refuses it.
    func serve(_ frame: Frame, on connection: Connection) {
        guard !self.isClosing else { return connection.refuse(frame.correlation, as: .goingAway) }
        guard let handler = self.handler(of: frame.service) else {
            return connection.refuse(frame.correlation, as: .unknownService)
        }
        guard connection.serving < self.settings.requestsServedMax else {
            return connection.refuse(frame.correlation, as: .tooManyInFlight)
        }
        guard let node = connection.peerNode, !connection.endIfUnread() else { return }
        switch handler.answer(frame.body, from: node) {
        case .now(let reply):
            self.reply(to: frame.correlation, reply, on: connection)
        case .later(let answer):
            self.serve(frame.correlation, on: connection, answer)
        }
    }

    private func serve(_ correlation: UInt64, on connection: Connection, _ answer: @escaping Answer.Work) {
        guard let transport else { return }
        connection.serving += 1
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        transport.assumeIsolated { transport in
            // Unstructured, because a request comes from outside every task; `requestsServedMax` bounds how many
            // there are. Immediate, because an ordinary task would be queued once before its first line, and so
            // come after what the next frames lead to.
            _ = Task.immediate {
                let reply = await answer()
                transport.answered(correlation, reply, on: bound)
            }
        }
    }

    func take(_ frame: Frame, on connection: Connection) {
        guard let handler = self.handler(of: frame.service), let node = connection.peerNode, let transport,
            !self.isClosing, connection.serving < self.settings.requestsServedMax
        else {
            self.statistics.onewaysDropped += 1
            return
        }
        connection.serving += 1
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        transport.assumeIsolated { transport in
            // Unstructured and immediate for the reasons given in `serve`.
            _ = Task.immediate {
                await handler.take(frame.body, from: node)
                transport.taken(on: bound)
            }
        }
    }

    func answered(_ correlation: UInt64, _ reply: ByteBuffer?, on connection: Connection) {
        connection.serving -= 1
        defer { self.settle(connection) }
        self.reply(to: correlation, reply, on: connection)
    }

    private func reply(to correlation: UInt64, _ reply: ByteBuffer?, on connection: Connection) {
        guard let reply else { return connection.refuse(correlation, as: .malformed) }
        guard Frame.headerBytes + reply.readableBytes <= self.settings.frameBytesMax else {
            self.log.error(
                "a reply does not fit into a frame",
                metadata: ["peer": "\(connection.remote)", "bytes": "\(reply.readableBytes)"])
            return connection.refuse(correlation, as: .malformed)
        }
        connection.answer(Frame(.reply, correlation: correlation, body: reply))
    }
}
