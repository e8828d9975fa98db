import Basis
import Synchronization

/// What tasks wait for and any turn of their agent may ring. Rung before anybody waits, it is remembered once.
///
/// A class, because its identity is what is waited for; a lock, because cancellation comes from anywhere. (A stream
/// cannot serve: it ends for good when a task that waits for it is cancelled.)
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var isClosed = false
        /// In the order in which they came. Whoever takes one out resumes it, which is all that a checked continuation
        /// would watch for at the price of an object for each wait.
        var waiters: [(number: UInt64, continuation: UnsafeContinuation<Void, Never>)] = []
        var waitersEver: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Wakes everybody who waits.
    func ring() {
        self.wakeAll { $0.isRung = $0.waiters.isEmpty }
    }

    /// Wakes everybody who waits, and nobody waits any more.
    func close() {
        self.wakeAll { $0.isClosed = true }
    }

    var isClosed: Bool { self.state.withLock(\.isClosed) }

    private func wakeAll(_ change: (inout State) -> Void) {
        let waiters = self.state.withLock { state in
            defer { state.waiters = [] }
            change(&state)
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Returns when the bell was rung, at `deadline`, or when the task is cancelled, whichever is first.
    ///
    /// - Parameter deadline: `distantFuture` for none, which takes no timer.
    func wait(
        until deadline: MonotonicInstant, on time: any TimeSource, isolation: isolated (any Actor)? = #isolation
    ) async {
        let number = self.nextNumber()
        await withTaskCancellationHandler {
            await self.wait(as: number, until: deadline, on: time, isolation: isolation) { Task.isCancelled }
        } onCancel: {
            self.wake(number)
        }
    }

    /// The same, but whoever cancels the task must ``close()`` the bell: for tasks that live as long as their agent, and
    /// wait each second. A handler of cancellation makes three changes of executor of each wait.
    func waitUntilClosed(
        or deadline: MonotonicInstant, on time: any TimeSource, isolation: isolated (any Actor)? = #isolation
    ) async {
        await self.wait(as: self.nextNumber(), until: deadline, on: time, isolation: isolation) { false }
    }

    private func nextNumber() -> UInt64 {
        self.state.withLock { state in
            state.waitersEver += 1
            return state.waitersEver
        }
    }

    /// - Parameter isolation: who waits; nothing here leaves it, as each change of executor costs as much as the wait.
    private func wait(
        as number: UInt64, until deadline: MonotonicInstant, on time: any TimeSource,
        isolation: isolated (any Actor)?, unless isOver: () -> Bool
    ) async {
        var alarm: Alarm?
        await withUnsafeContinuation { continuation in
            guard self.enter(continuation, as: number, unless: isOver) else { return continuation.resume() }
            guard deadline < .distantFuture else { return }
            // Only now: one that rings at once must find who waits for it.
            alarm = time.alarm(at: deadline) { self.wake(number) }
        }
        alarm?.cancel()
    }

    /// - Returns: false when the bell was rung before, or the wait is over before it has begun.
    private func enter(
        _ continuation: UnsafeContinuation<Void, Never>, as number: UInt64, unless isOver: () -> Bool
    ) -> Bool {
        self.state.withLock { state in
            defer { state.isRung = false }
            guard !state.isRung, !state.isClosed, !isOver() else { return false }
            state.waiters.append((number, continuation))
            return true
        }
    }

    /// Wakes one who waits, if it still does.
    private func wake(_ number: UInt64) {
        let waiter = self.state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard let index = state.waiters.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiters.remove(at: index).continuation
        }
        waiter?.resume()
    }
}
