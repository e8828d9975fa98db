import Synchronization

/// Hands each event of a driver to everybody who listens.
///
/// A class with a lock because ``HypervisorDriver/events()`` must begin to listen in the instant in which it is called,
/// whatever thread or actor that is on.
final class HypervisorEventFeed: Sendable {
    private struct State {
        var listeners: [UInt64: AsyncStream<HypervisorEvent>.Continuation] = [:]
        var listenersEver: UInt64 = 0
        var isFinished = false
    }

    /// A listener that falls further behind loses the oldest events; samples are the truth.
    private static let eventsBufferedMax = 256

    private let state = Mutex(State())

    func listen() -> AsyncStream<HypervisorEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: HypervisorEvent.self, bufferingPolicy: .bufferingNewest(Self.eventsBufferedMax))
        let number: UInt64? = self.state.withLock { state in
            guard !state.isFinished else { return nil }
            state.listenersEver += 1
            state.listeners[state.listenersEver] = continuation
            return state.listenersEver
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    func announce(_ event: HypervisorEvent) {
        for listener in self.state.withLock({ Self.inOrder($0.listeners) }) { listener.yield(event) }
    }

    func finish() {
        let listeners = self.state.withLock { state in
            state.isFinished = true
            defer { state.listeners = [:] }
            return Self.inOrder(state.listeners)
        }
        for listener in listeners { listener.finish() }
    }

    /// The order of a dictionary differs from run to run, and a simulation must not.
    private static func inOrder(
        _ listeners: [UInt64: AsyncStream<HypervisorEvent>.Continuation]
    ) -> [AsyncStream<HypervisorEvent>.Continuation] {
        listeners.sorted { $0.key < $1.key }.map(\.value)
    }
}
