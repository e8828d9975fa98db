import Basis
import Foundation
import Simulation
import Synchronization
import Testing

@Suite("Work that leaves its world")
struct EscapeTests {
    /// Parks a task in a continuation, and resumes it from a thread of its own.
    private static func escape(
        _ world: World, parkingIn start: @Sendable (@escaping @Sendable () async -> Void) -> Void
    ) async throws {
        let parked = Mutex<CheckedContinuation<Void, Never>?>(nil)
        start { await withCheckedContinuation { continuation in parked.withLock { $0 = continuation } } }
        try await world.time.sleep(for: .seconds(1))
        let continuation = try #require(parked.withLock { $0 })
        Self.onForeignThread { continuation.resume() }
        try await world.time.sleep(for: .seconds(1))
    }

    private static func onForeignThread(_ body: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        Thread {
            body()
            done.signal()
        }.start()
        done.wait()
    }

    @Test("is found when an unstructured task is resumed on a foreign thread")
    func unstructuredTask() async {
        let failure = await #expect(throws: WorldFailure.self) {
            _ = try await World.run(seed: 1) { world in
                try await Self.escape(world) { body in Task { await body() } }
            }
        }
        #expect(failure?.reason == .jobsEscaped(1))
    }

    @Test("is found when a process's task is resumed on a foreign thread")
    func processTask() async {
        let failure = await #expect(throws: WorldFailure.self) {
            _ = try await World.run(seed: 1) { world in
                let process = world.makeProcess("a")
                try await Self.escape(world) { process.start($0) }
            }
        }
        #expect(failure?.reason == .jobsEscaped(1))
    }

    @Test("is found when it goes on in another world")
    func otherWorld() async {
        let failure = await #expect(throws: WorldFailure.self) {
            try await World.run(seed: 1) { world in
                let parked = Mutex<CheckedContinuation<Void, Never>?>(nil)
                Task { await withCheckedContinuation { continuation in parked.withLock { $0 = continuation } } }
                try await world.time.sleep(for: .seconds(1))
                let continuation = try #require(parked.withLock { $0 })
                let done = DispatchSemaphore(value: 0)
                Self.onForeignThread {
                    Task {
                        try await World.run(seed: 2) { _ in continuation.resume() }
                        done.signal()
                    }
                }
                Self.wait(for: done)
                try await world.time.sleep(for: .seconds(1))
            }
        }
        #expect(failure?.reason == .jobsEscaped(1))
        #expect(failure?.report.seed == 1)
    }

    /// Blocks the world's thread, and with it the world.
    private static func wait(for done: DispatchSemaphore) {
        done.wait()
    }

    @Test("is no other world's doing, and no ordinary task's")
    func othersAreInnocent() async throws {
        let report = try await World.run(seed: 1) { world in
            Self.onForeignThread { Task { await Task.yield() } }
            try await world.time.sleep(for: .seconds(1))
        }.report
        #expect(report.jobsEscaped == 0)
    }
}
