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
    func wait(until deadline: MonotonicInstant, on time: any TimeSource) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForRing() }
            // Only cancellation ends a sleep early, and then the wait is over as well.
            group.addTask { try? await time.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForRing() async {
        let number = self.state.withLock { state in
            state.waitersEver += 1
            return state.waitersEver
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    defer { state.isRung = false }
                    guard !state.isRung, !Task.isCancelled else { return true }
                    state.waiters.append((number, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume()
        }
    }
}
