package import Basis
package import NIOCore
package import Transport

/// One node's way into the ``SimulatedNetwork``, for the life of one process.
///
/// Deadlines are read on the node's own clock. A handler's answer runs as a task of the receiving process.
///
/// Safe because it is used on the world's thread only (`confine`).
package final class SimulatedTransport: MessageTransport, @unchecked Sendable {
    /// The longest body, in bytes: what fits into one frame.
    package static let bodyBytesMax = 1 << 20
    /// How many requests to one node may be under way.
    package static let requestsInFlightMax = 1024

    package let localNode: NodeID
    package let process: SimulatedProcess
    package private(set) var counters = RequestCounters()

    private let network: SimulatedNetwork
    private let port: SimulatedNetwork.Port
    private let time: SkewedTime
    private var handlers: [Service: any RequestHandler] = [:]
    private var waiting: [UInt64: Waiting] = [:]
    private var serving: [UInt64: Requester] = [:]
    private var nextRequest: UInt64 = 1
    private var nextServed: UInt64 = 1
    private var isClosed = false

    /// A request of this node that has not ended.
    private struct Waiting {
        var continuation: UnsafeContinuation<Result<ByteBuffer, TransportError>, Never>
        var deadline: TimerID
        var to: NodeID
    }

    /// Whose request this node is answering.
    private struct Requester {
        var transport: SimulatedTransport
        var number: UInt64
    }

    /// How many of its requests the peer that has most of them has not answered.
    var requestsToOnePeerMost: Int {
        Dictionary(grouping: self.waiting.values, by: \.to).values.map(\.count).max() ?? 0
    }

    /// How many requests it has taken in and not answered.
    var requestsServed: Int { self.serving.count }

    init(network: SimulatedNetwork, port: SimulatedNetwork.Port, process: SimulatedProcess, time: SkewedTime) {
        self.network = network
        self.port = port
        self.localNode = port.node
        self.process = process
        self.time = time
        process.onCrash { self.processCrashed() }
    }

    // MARK: Sending

    package func request(
        _ body: ByteBuffer, to node: NodeID, service: Service, deadline: MonotonicInstant
    ) async throws(TransportError) -> ByteBuffer {
        let world = self.network.world
        world.confine()
        self.counters.sent += 1
        let number = self.nextRequest
        self.nextRequest += 1
        let result: Result<ByteBuffer, TransportError>
        let port = self.network.port(of: node)
        if let error = self.reasonNotToSend(body, to: node, deadline: deadline) {
            result = .failure(error)
        } else if let port {
            let answer = await self.answer(to: number, body, at: port, service: service, deadline: deadline)
            // A process that was paused takes the answer up late: the deadline holds all the same.
            let isLate = self.time.now > deadline
            result = isLate ? answer.flatMap { _ in .failure(.timedOut) } : answer
        } else {
            result = .failure(.unreachable(reason: "there is no node \(node)"))
        }
        switch result {
        case .success(let reply):
            self.counters.answered += 1
            return reply
        case .failure(let error):
            self.counters.count(error)
            throw error
        }
    }

    package func send(_ body: ByteBuffer, to node: NodeID, service: Service) async throws(TransportError) {
        self.network.world.confine()
        if self.isClosed { throw .closed }
        if let error = Self.reasonAgainst(body) { throw error }
        guard let port = self.network.port(of: node) else { throw .unreachable(reason: "there is no node \(node)") }
        let sender = self.localNode
        let message = Message(.oneWay, from: sender, to: node, requesterBoot: 0, number: 0, body: body)
        self.network.carry(message, from: self.port, to: port) {
            guard let receiver = port.transport, receiver.isListening else { return }
            receiver.process.start { await receiver.handlers[service]?.take(body, from: sender) }
        }
    }

    package func register(_ handler: any RequestHandler, for service: Service) async {
        self.network.world.confine()
        self.handlers[service] = handler
    }

    /// Shuts this transport down in order: requests under way end in ``TransportError/closed``, peers are refused.
    package func close() {
        self.network.world.confine()
        self.isClosed = true
        for number in self.waiting.keys.sorted() { self.end(number, .failure(.closed)) }
    }

    private static func reasonAgainst(_ body: ByteBuffer) -> TransportError? {
        let bytes = body.readableBytes
        return bytes > Self.bodyBytesMax ? .limitReached(limit: "bodyBytesMax", value: bytes) : nil
    }

    private func reasonNotToSend(_ body: ByteBuffer, to node: NodeID, deadline: MonotonicInstant) -> TransportError? {
        if self.isClosed { return .closed }
        if Task.isCancelled { return .cancelled }
        if let error = Self.reasonAgainst(body) { return error }
        if self.time.now >= deadline { return .timedOut }
        // Fewer in all are fewer to this node.
        guard self.waiting.count >= Self.requestsInFlightMax else { return nil }
        let inFlight = self.waiting.values.count { $0.to == node }
        return inFlight < Self.requestsInFlightMax
            ? nil : .limitReached(limit: "requestsInFlightMax", value: inFlight)
    }

    /// - Parameter isolation: who waits; nothing here leaves it, as each change of executor costs as much as the wait.
    private func answer(
        to number: UInt64, _ body: ByteBuffer, at port: SimulatedNetwork.Port, service: Service,
        deadline: MonotonicInstant, isolation: isolated (any Actor)? = #isolation
    ) async -> Result<ByteBuffer, TransportError> {
        // The handler runs on this thread: before the request is entered, while it waits, or after its end.
        await withTaskCancellationHandler {
            _ = isolation
            return await withUnsafeContinuation { continuation in
                self.begin(number, body, to: port, service: service, deadline: deadline, continuation)
            }
        } onCancel: {
            self.end(number, .failure(.cancelled))
        }
    }

    private func begin(
        _ number: UInt64, _ body: ByteBuffer, to port: SimulatedNetwork.Port, service: Service,
        deadline: MonotonicInstant,
        _ continuation: UnsafeContinuation<Result<ByteBuffer, TransportError>, Never>
    ) {
        let network = self.network
        let (sender, node) = (self.localNode, port.node)
        let timer = network.world.schedule(at: self.time.baseInstant(of: deadline)) {
            network.world.record(
                "timed out", ["from": .node(sender), "to": .node(node), "number": .number(Int64(number))])
            self.end(number, .failure(.timedOut))
        }
        self.waiting[number] = Waiting(continuation: continuation, deadline: timer, to: node)
        let message = Message(
            .request, from: sender, to: node, requesterBoot: self.process.boot, number: number, body: body)
        network.carry(message, from: self.port, to: port) {
            port.transport?.requestArrived(number, body, from: self, service: service)
        }
    }

    /// Ends a request in the one way that comes first.
    private func end(_ number: UInt64, _ result: Result<ByteBuffer, TransportError>) {
        guard let waiting = self.waiting.removeValue(forKey: number) else { return }
        self.network.world.cancel(waiting.deadline)
        waiting.continuation.resume(returning: result)
    }

    // MARK: Receiving

    private var isListening: Bool { self.process.state != .crashed && !self.isClosed }

    /// A request is there, outside of the process.
    private func requestArrived(_ number: UInt64, _ body: ByteBuffer, from sender: SimulatedTransport, service: Service)
    {
        guard self.process.state != .crashed else {
            let reason = "\(self.localNode) refuses the connection"
            self.answer(number, to: sender, .failure(.unreachable(reason: reason)))
            return
        }
        guard !self.isClosed else {
            self.answer(number, to: sender, .failure(.refused(.goingAway)))
            return
        }
        let served = self.nextServed
        self.nextServed += 1
        self.serving[served] = Requester(transport: sender, number: number)
        let peer = sender.localNode
        self.process.perform { self.serve(served, body, from: peer, service) }
    }

    /// Has a request answered, in a turn of the process; only what the handler answers later takes a task.
    private func serve(_ served: UInt64, _ body: ByteBuffer, from peer: NodeID, _ service: Service) {
        guard let handler = self.handlers[service] else {
            return self.answer(served, .failure(.refused(.unknownService)))
        }
        switch handler.answer(body, from: peer) {
        case .now(let reply):
            self.answer(served, reply.map { .success($0) } ?? .failure(.refused(.malformed)))
        case .later(let work):
            self.process.start {
                let reply = await work()
                self.answer(served, reply.map { .success($0) } ?? .failure(.refused(.malformed)))
            }
        }
    }

    /// Ends the serving of a request; nobody is left to be answered when it ended with the process.
    private func answer(_ served: UInt64, _ result: Result<ByteBuffer, TransportError>) {
        guard let requester = self.serving.removeValue(forKey: served) else { return }
        self.answer(requester.number, to: requester.transport, result)
    }

    private func answer(_ number: UInt64, to receiver: SimulatedTransport, _ result: Result<ByteBuffer, TransportError>)
    {
        let reply = try? result.get()
        let kind = reply == nil ? Message.Kind.failure : .reply
        let from = self.localNode
        let message = Message(
            kind, from: from, to: receiver.localNode, requesterBoot: receiver.process.boot, number: number, body: reply)
        self.network.carry(message, from: self.port, to: receiver.port) {
            receiver.answerArrived(number, result, from: from)
        }
    }

    private func answerArrived(_ number: UInt64, _ result: Result<ByteBuffer, TransportError>, from node: NodeID) {
        if self.waiting[number] != nil {
            self.end(number, result)
        } else if case .success(let body) = result {
            self.counters.repliesUnused += 1
            self.network.onUnusedReply?(UnusedReply(from: node, to: self.localNode, body: body))
        }
    }

    // MARK: Ends

    /// The kernel closes the connections of a process that died: who waits for an answer learns it.
    private func processCrashed() {
        self.forget()
        let serving = self.serving
        self.serving = [:]
        for (_, requester) in serving.sorted(by: { $0.key < $1.key }) {
            self.answer(requester.number, to: requester.transport, .failure(.connectionLost))
        }
    }

    /// Forgets what was under way. Nobody is left to be told.
    private func forget() {
        for number in self.waiting.keys.sorted() {
            if let waiting = self.waiting.removeValue(forKey: number) { self.network.world.cancel(waiting.deadline) }
        }
        self.handlers = [:]
    }

    /// Lets go of everything when the world is over.
    func dissolve() {
        let left = (self.waiting, self.handlers, self.serving)
        self.waiting = [:]
        self.handlers = [:]
        self.serving = [:]
        withExtendedLifetime(left) {}
    }
}
