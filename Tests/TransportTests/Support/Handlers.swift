import Basis
import NIOCore
import Transport

/// Answers with what it was asked, after the name of who asked.
struct EchoHandler: RequestHandler {
    func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        var reply = ByteBuffer(string: "\(node):")
        reply.writeImmutableBuffer(body)
        return .now(reply)
    }

    func take(_ body: ByteBuffer, from node: NodeID) async {}
}

/// Keeps every message until it is told to go on, and says when one has come.
actor GateHandler: RequestHandler {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    private(set) var received: [String] = []

    nonisolated func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        .later {
            await self.pass(body)
            return body
        }
    }

    private func pass(_ body: ByteBuffer) async {
        self.note(body)
        if !self.isOpen {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    func take(_ body: ByteBuffer, from node: NodeID) async {
        self.note(body)
    }

    private func note(_ body: ByteBuffer) {
        self.received.append(String(buffer: body))
        for watcher in self.watchers where watcher.count <= self.received.count {
            watcher.continuation.resume()
        }
        self.watchers.removeAll { $0.count <= self.received.count }
    }

    /// Returns when so many messages have come in all.
    func hasReceived(_ count: Int) async {
        guard self.received.count < count else { return }
        await withCheckedContinuation { self.watchers.append((count, $0)) }
    }

    func open() {
        self.isOpen = true
        for continuation in self.waiting { continuation.resume() }
        self.waiting = []
    }
}

/// Refuses every request as malformed.
struct RefusingHandler: RequestHandler {
    func answer(_ body: ByteBuffer, from node: NodeID) -> Answer { .now(nil) }
    func take(_ body: ByteBuffer, from node: NodeID) async {}
}
