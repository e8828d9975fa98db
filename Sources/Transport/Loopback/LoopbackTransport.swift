package import Basis
package import NIOCore

/// The ``MessageTransport`` of one node on a ``LoopbackHub``.
package struct LoopbackTransport: MessageTransport {
    package let localNode: NodeID
    private let hub: LoopbackHub
    private let time: any TimeSource

    init(localNode: NodeID, hub: LoopbackHub, time: any TimeSource) {
        self.localNode = localNode
        self.hub = hub
        self.time = time
    }

    package func request(
        _ body: ByteBuffer, to node: NodeID, service: Service, deadline: MonotonicInstant
    ) async throws(TransportError) -> ByteBuffer {
        guard deadline > self.time.now else { throw .timedOut }
        let correlation = await self.hub.nextCorrelation()
        // One child for the deadline; leaving this scope cancels and ends it.
        async let _ = self.expire(correlation, at: deadline)
        let result: Result<ByteBuffer, TransportError>
        do throws(TransportError) {
            result = .success(
                try await self.hub.call(
                    body, from: self.localNode, to: node, service: service, correlation: correlation))
        } catch {
            result = .failure(error)
        }
        let reply = try result.get()
        guard self.time.now < deadline else { throw .timedOut }
        return reply
    }

    package func send(_ body: ByteBuffer, to node: NodeID, service: Service) async throws(TransportError) {
        try await self.hub.send(body, from: self.localNode, to: node, service: service)
    }

    package func register(_ handler: any RequestHandler, for service: Service) async {
        await self.hub.register(handler, for: service, on: self.localNode)
    }

    /// Leaves the hub for good: requests under way end with ``TransportError/closed``, and so does every later one.
    package func shutdown() async {
        await self.hub.detach(self.localNode)
    }

    private func expire(_ correlation: UInt64, at deadline: MonotonicInstant) async {
        guard deadline != .distantFuture else { return }
        do {
            try await self.time.sleep(until: deadline)
        } catch {
            // The call has ended, or its task was cancelled, which ends it as well.
            return
        }
        await self.hub.end(correlation, with: .failure(.timedOut))
    }
}
