import Basis
import Synchronization

/// What tasks wait for and any turn of their agent may ring. Rung before anybody waits, it is remembered once.
///
/// A class, because its identity is what is waited for; a lock, because cancellation comes from anywhere. (A stream
/// cannot serve: it ends for good when a task that waits for it is cancelled.)
final class Bell: Sendable {
    private struct State {
        var isRung = false
        /// In the order in which they came.
        var waiters: [(number: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var waitersEver: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Wakes everybody who waits.
    func ring() {
        let waiters = self.state.withLock { state in
            defer { state.waiters = [] }
            state.isRung = state.waiters.isEmpty
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Returns when the bell was rung, at `deadline`, or when the task is cancelled, whichever is first.
    ///
    /// - Parameter isolation: who waits; nothing here leaves it, as each change of executor costs as much as the wait.
    func wait(
        until deadline: MonotonicInstant, on time: any TimeSource, isolation: isolated (any Actor)? = #isolation
    ) async {
        let number = self.state.withLock { state in
            state.waitersEver += 1
            return state.waitersEver
        }
        var alarm: Alarm?
        await withTaskCancellationHandler {
            _ = isolation
            await withCheckedContinuation { continuation in
                guard self.enter(continuation, as: number) else { return continuation.resume() }
                // Only now: one that rings at once must find who waits for it.
                alarm = time.alarm(at: deadline) { self.wake(number) }
            }
        } onCancel: {
            self.wake(number)
        }
        alarm?.cancel()
    }

    /// - Returns: false when the bell was rung before, or the wait is over for the task was cancelled.
    private func enter(_ continuation: CheckedContinuation<Void, Never>, as number: UInt64) -> Bool {
        self.state.withLock { state in
            defer { state.isRung = false }
            guard !state.isRung, !Task.isCancelled else { return false }
            state.waiters.append((number, continuation))
            return true
        }
    }

    /// Wakes one who waits, if it still does.
    private func wake(_ number: UInt64) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let index = state.waiters.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiters.remove(at: index).continuation
        }
        waiter?.resume()
    }
}
