package import Basis
import NIOCore

/// The network of nodes that live in one process: where their ``LoopbackTransport``s meet.
///
/// Every message passes through a ``Frame`` and a ``FrameDecoder`` as it would on a wire, so that tests exercise the
/// bytes. Messages of one link are handed to the handler in the order in which they were sent. Nothing here uses a
/// thread or a timer of its own: time comes from the ``TimeSource``, and all tasks run on the default executor.
package actor LoopbackHub {
    private let time: any TimeSource
    private let settings: TransportSettings
    private var nodes: [NodeID: Node] = [:]
    private var calls: [UInt64: Call] = [:]
    private var lastCorrelation: UInt64 = 0

    /// What is known of one attached node.
    private struct Node {
        var handlers: [Service: any RequestHandler] = [:]
        /// False while it is off the hub: it keeps its handlers and can neither send nor receive.
        var isReachable = true
        /// How many requests to each node have no answer.
        var callsInFlight: [NodeID: Int] = [:]
        /// How many messages of each sender are being handled.
        var serving: [NodeID: Int] = [:]
        var statistics = TransportStatistics()
    }

    private struct Call {
        var from: NodeID
        var to: NodeID
        var continuation: CheckedContinuation<Result<ByteBuffer, TransportError>, Never>
    }

    /// - Parameter settings: `frameBytesMax`, `callsInFlightMax` and `requestsServedMax` hold here too.
    package init(time: any TimeSource, settings: TransportSettings = TransportSettings()) {
        self.time = time
        self.settings = settings
    }

    /// The transport of `node`, which is on the hub from now on.
    package func attach(_ node: NodeID) -> LoopbackTransport {
        if self.nodes[node] == nil {
            self.nodes[node] = Node()
        }
        return LoopbackTransport(localNode: node, hub: self, time: self.time)
    }

    /// Takes `node` off the hub: who asks it learns that it is unreachable, and what is under way to or from it is
    /// lost, as when its cable is pulled.
    package func takeOff(_ node: NodeID) {
        self.nodes[node]?.isReachable = false
        self.endCalls(with: .connectionLost) { $0.from == node || $0.to == node }
    }

    /// Puts `node` back on the hub.
    package func putBack(_ node: NodeID) {
        self.nodes[node]?.isReachable = true
    }

    package func statistics(of node: NodeID) -> TransportStatistics {
        self.nodes[node]?.statistics ?? TransportStatistics()
    }

    // MARK: For the transports

    func register(_ handler: any RequestHandler, for service: Service, on node: NodeID) {
        self.nodes[node]?.handlers[service] = handler
    }

    /// Ends the transport of `node` for good.
    func detach(_ node: NodeID) {
        self.nodes[node] = nil
        self.endCalls(with: .closed) { $0.from == node }
        self.endCalls(with: .connectionLost) { $0.to == node }
    }

    func nextCorrelation() -> UInt64 {
        self.lastCorrelation += 1
        return self.lastCorrelation
    }

    /// Sends one request and waits for what ends it: a reply, a refusal, or ``end(_:with:)`` from outside.
    func call(
        _ body: ByteBuffer, from sender: NodeID, to node: NodeID, service: Service, correlation: UInt64
    ) async throws(TransportError) -> ByteBuffer {
        let underWay = self.nodes[sender]?.callsInFlight[node] ?? 0
        guard underWay < self.settings.callsInFlightMax else {
            throw .limitReached(limit: "callsInFlightMax", value: underWay)
        }
        try self.checkRoute(from: sender, to: node, bodyBytes: body.readableBytes)
        let frame = Frame(.request, flags: UInt16(service.rawValue), correlation: correlation, body: body)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<ByteBuffer, TransportError>, Never>) in
                guard !Task.isCancelled else {
                    return continuation.resume(returning: .failure(.cancelled))
                }
                self.nodes[sender]?.callsInFlight[node, default: 0] += 1
                self.calls[correlation] = Call(from: sender, to: node, continuation: continuation)
                self.deliver(frame, from: sender, to: node)
            }
        } onCancel: {
            // A cancellation handler cannot wait for the actor; the call ends as soon as the actor is free.
            Task { await self.end(correlation, with: .failure(.cancelled)) }
        }
        return try result.get()
    }

    func send(_ body: ByteBuffer, from sender: NodeID, to node: NodeID, service: Service) throws(TransportError) {
        try self.checkRoute(from: sender, to: node, bodyBytes: body.readableBytes)
        self.deliver(Frame(.oneway, flags: UInt16(service.rawValue), body: body), from: sender, to: node)
    }

    /// Ends a call, unless it has ended.
    func end(_ correlation: UInt64, with result: Result<ByteBuffer, TransportError>) {
        guard let call = self.calls.removeValue(forKey: correlation) else { return }
        self.nodes[call.from]?.callsInFlight[call.to, default: 1] -= 1
        if case .failure(.timedOut) = result {
            self.nodes[call.from]?.statistics.timeouts += 1
        }
        call.continuation.resume(returning: result)
    }

    // MARK: The wire

    private func checkRoute(from sender: NodeID, to node: NodeID, bodyBytes: Int) throws(TransportError) {
        guard let source = self.nodes[sender] else { throw .closed }
        guard bodyBytes + Frame.headerBytes <= self.settings.frameBytesMax else {
            throw .limitReached(limit: "frameBytesMax", value: bodyBytes + Frame.headerBytes)
        }
        guard sender != node else { throw .unreachable(reason: "\(node) is this node itself") }
        guard source.isReachable else { throw .unreachable(reason: "\(sender) is off the hub") }
        guard let target = self.nodes[node] else { throw .unreachable(reason: "\(node) is not on the hub") }
        guard target.isReachable else { throw .unreachable(reason: "\(node) is off the hub") }
    }

    /// Carries `frame` as bytes from `sender` to `node`, in one turn, so that the order of a link is the order of
    /// sending.
    private func deliver(_ frame: Frame, from sender: NodeID, to node: NodeID) {
        guard self.nodes[sender]?.isReachable ?? false, self.nodes[node]?.isReachable ?? false else { return }
        var bytes = ByteBuffer()
        frame.encode(into: &bytes)
        let count = UInt64(bytes.readableBytes)
        self.nodes[sender]?.statistics.framesOut += 1
        self.nodes[sender]?.statistics.bytesOut += count
        self.nodes[node]?.statistics.framesIn += 1
        self.nodes[node]?.statistics.bytesIn += count
        var decoder = FrameDecoder(frameBytesMax: self.settings.frameBytesMax)
        decoder.append(bytes)
        guard let received = try? decoder.next(), let kind = received.kind else {
            preconditionFailure("a frame that was just encoded does not decode")
        }
        switch kind {
        case .request, .oneway: self.handOver(received, kind, from: sender, to: node)
        case .reply: self.end(received.correlation, with: .success(received.body))
        case .refusal: self.takeRefusal(received, at: node)
        case .hello, .ping, .goodbye: preconditionFailure("the hub sends no \(kind)")
        }
    }

    private func handOver(_ frame: Frame, _ kind: FrameKind, from sender: NodeID, to node: NodeID) {
        let correlation = frame.correlation
        guard let handler = self.nodes[node]?.handlers[frame.service] else {
            return self.decline(kind, correlation, as: .unknownService, from: node, to: sender)
        }
        guard self.nodes[node]?.serving[sender, default: 0] ?? 0 < self.settings.requestsServedMax else {
            return self.decline(kind, correlation, as: .tooManyInFlight, from: node, to: sender)
        }
        self.nodes[node]?.serving[sender, default: 0] += 1
        // Unstructured, because who answers is no part of who asks: a caller that gives up does not stop the peer.
        // Immediate, because the tasks must reach the handler in the order of their messages; queued, they need not.
        _ = Task.immediate {
            if kind == .request {
                let reply =
                    switch handler.answer(frame.body, from: sender) {
                    case .now(let reply): reply
                    case .later(let answer): await answer()
                    }
                self.answered(correlation, reply, from: node, to: sender)
            } else {
                await handler.take(frame.body, from: sender)
            }
            self.nodes[node]?.serving[sender, default: 1] -= 1
        }
    }

    private func answered(_ correlation: UInt64, _ reply: ByteBuffer?, from node: NodeID, to sender: NodeID) {
        guard let reply, reply.readableBytes + Frame.headerBytes <= self.settings.frameBytesMax else {
            return self.decline(.request, correlation, as: .malformed, from: node, to: sender)
        }
        self.deliver(Frame(.reply, correlation: correlation, body: reply), from: node, to: sender)
    }

    private func decline(
        _ kind: FrameKind, _ correlation: UInt64, as refusal: Refusal, from node: NodeID, to sender: NodeID
    ) {
        guard kind == .request else {
            self.nodes[node]?.statistics.onewaysDropped += 1
            return
        }
        self.nodes[node]?.statistics.refusalsSent += 1
        let body = ByteBuffer(integer: refusal.rawValue)
        self.deliver(Frame(.refusal, correlation: correlation, body: body), from: node, to: sender)
    }

    private func takeRefusal(_ frame: Frame, at node: NodeID) {
        self.nodes[node]?.statistics.refusalsReceived += 1
        let refusal = frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self).flatMap(Refusal.init)
        self.end(frame.correlation, with: .failure(.refused(refusal ?? .malformed)))
    }

    private func endCalls(with error: TransportError, where isConcerned: (Call) -> Bool) {
        for correlation in self.calls.filter({ isConcerned($0.value) }).keys.sorted() {
            self.end(correlation, with: .failure(error))
        }
    }
}
