import Basis
import Synchronization

/// A clock that stands still until it is told to go on.
final class ManualTime: TimeSource {
    private struct State {
        var now = MonotonicInstant(nanoseconds: 1_000_000_000)
        var sleepers: [UInt64: (deadline: MonotonicInstant, wake: CheckedContinuation<Void, any Error>)] = [:]
        var lastSleeper: UInt64 = 0
        var cancelled: Set<UInt64> = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    let wallClockMilliseconds: UInt64

    init(wallClockMilliseconds: UInt64 = 1_800_000_000_000) {
        self.wallClockMilliseconds = wallClockMilliseconds
    }

    var now: MonotonicInstant { self.state.withLock { $0.now } }

    func sleep(until deadline: MonotonicInstant) async throws {
        let id = self.state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (isOver, isCancelled, watchers) = self.state.withLock { state in
                    let isOver = deadline <= state.now
                    let isCancelled = state.cancelled.remove(id) != nil
                    if !isOver, !isCancelled {
                        state.sleepers[id] = (deadline, continuation)
                    }
                    defer { state.watchers = [] }
                    return (isOver, isCancelled, state.watchers)
                }
                if isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if isOver {
                    continuation.resume()
                }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.wake.resume(throwing: CancellationError())
        }
    }

    /// Returns as soon as somebody sleeps.
    func someoneSleeps() async {
        await withCheckedContinuation { continuation in
            let isSleeping = self.state.withLock { state in
                if state.sleepers.isEmpty { state.watchers.append(continuation) }
                return !state.sleepers.isEmpty
            }
            if isSleeping { continuation.resume() }
        }
    }

    func advance(by duration: Duration) {
        let woken = self.state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in woken { sleeper.wake.resume() }
    }
}

/// The machine's clock, for deadlines that really pass.
struct MachineTime: TimeSource {
    private static let origin = ContinuousClock.now
    var wallClockMilliseconds: UInt64 = 0

    var now: MonotonicInstant { .zero + Self.origin.duration(to: .now) }

    func sleep(until deadline: MonotonicInstant) async throws {
        try await Task.sleep(for: deadline - self.now)
    }
}
