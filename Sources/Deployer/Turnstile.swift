import Synchronization

/// Lets a fixed number of tasks through at once, the others in the order of their coming.
package final class Turnstile: Sendable {
    private struct State {
        var free: Int
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Bool, Never>)] = []
        var lastTicket = 0
        /// Tickets whose task was cancelled before it waited.
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    /// - Parameter width: how many may be inside, at least one.
    package init(width: Int) {
        precondition(width >= 1, "a turnstile lets at least one through")
        self.state = Mutex(State(free: width))
    }

    /// Runs `body` inside.
    ///
    /// - Throws: `cancelled` when the task was cancelled while it waited, and what `body` throws.
    package func pass<Value, Failure: Error>(
        orThrow cancelled: Failure, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard await self.enter() else { throw cancelled }
        defer { self.leave() }
        return try await body()
    }

    private func enter() async -> Bool {
        let ticket = self.state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = self.state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return false }
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append((ticket, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) else {
                    state.cancelled.insert(ticket)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            continuation?.resume(returning: false)
        }
    }

    private func leave() {
        let next = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}
