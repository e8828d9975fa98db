import Foundation
import Synchronization

/// The thread a world runs on, and which world the calling thread belongs to.
///
/// A world never runs inside a job of the pool: running jobs there would lose track of the outer job's task.
enum WorldThread {
    /// What deep recursion in simulated code may use, in bytes; the platform's main thread has as much.
    private static let stackBytes = 8 << 20

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key, nil)
        precondition(status == 0, "no thread-local key left (error \(status))")
        return key
    }()

    /// The world whose thread this is; nil on every other thread.
    static var world: World? {
        guard let pointer = pthread_getspecific(Self.key) else { return nil }
        return Unmanaged<World>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Runs `body` with the calling thread counting as `world`'s.
    static func enter<Value>(_ world: World, _ body: () -> Value) -> Value {
        precondition(Self.world == nil, "a world cannot run inside another")
        pthread_setspecific(Self.key, Unmanaged.passUnretained(world).toOpaque())
        defer { pthread_setspecific(Self.key, nil) }
        return body()
    }

    /// Runs `body` on a fresh thread.
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.name = name
        thread.stackSize = Self.stackBytes
        thread.start()
    }
}

/// Lets as many worlds run at once as the machine has processors, but at least two; the others wait, first come first
/// served.
///
/// A test with a thousand seeds would otherwise hold a thousand worlds in memory at once.
final class WorldGate: Sendable {
    static let shared = WorldGate(worldsAtOnceMax: max(2, ProcessInfo.processInfo.activeProcessorCount))

    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(worldsAtOnceMax: Int) {
        self.state = Mutex(State(free: worldsAtOnceMax))
    }

    func enter() async {
        await withCheckedContinuation { continuation in
            let enters = self.state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if enters { continuation.resume() }
        }
    }

    func leave() {
        let next = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
