import Basis
import Synchronization

/// What one task waits for and any turn of its agent may ring. Rung before anybody waits, it is remembered once.
///
/// A class, because its identity is what is waited for; a lock, because cancellation comes from anywhere. (A stream
/// cannot serve: it ends for good when a task that waits for it is cancelled.)
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() {
        let waiter = self.state.withLock { state in
            defer { state.waiter = nil }
            state.isRung = state.waiter == nil
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when the bell was rung, at `deadline`, or when the task is cancelled, whichever is first.
    ///
    /// One task at a time may wait for one bell.
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
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    defer { state.isRung = false }
                    guard !state.isRung, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
