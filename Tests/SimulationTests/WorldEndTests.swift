import Basis
import Simulation
import Testing

private struct Planned: Error, Equatable {}

@Suite("A world ends")
struct WorldEndTests {
    private func failure(
        _ options: WorldOptions = WorldOptions(), _ body: @escaping @Sendable (World) async throws -> Void
    ) async -> WorldFailure? {
        await #expect(throws: WorldFailure.self) {
            _ = try await World.run(seed: 5, options: options, body)
        }
    }

    @Test("with its body's value, and with its body's error")
    func valueAndError() async throws {
        #expect(try await World.run(seed: 1) { _ in 7 }.value == 7)
        await #expect(throws: Planned()) { _ = try await World.run(seed: 1) { _ in throw Planned() } }
    }

    @Test("with a deadlock that names the virtual time")
    func deadlock() async throws {
        let failure = await self.failure { world in
            try await world.time.sleep(for: .seconds(2))
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
        #expect(failure?.reason == .deadlock)
        #expect(failure?.report.end == .zero + .seconds(2))
        #expect(failure?.description.contains("seed 5, at 2.000000000 s: deadlock") == true)
    }

    @Test("with a deadlock when all that is left sleeps for ever")
    func sleepForEver() async throws {
        let failure = await self.failure { try await $0.time.sleep(until: .distantFuture) }
        #expect(failure?.reason == .deadlock)
    }

    @Test("with a deadlock that counts the jobs of a process that nobody resumes")
    func pausedForEver() async throws {
        let failure = await self.failure { world in
            let process = world.makeProcess("a")
            process.pause()
            try await process.run {}
        }
        #expect(failure?.reason == .deadlock)
        #expect(failure?.report.jobsHeld == 1)
    }

    @Test("at its limit of virtual time, before the first timer beyond it")
    func durationLimit() async throws {
        let failure = await self.failure(WorldOptions(durationMax: .seconds(10))) { world in
            while true { try await world.time.sleep(for: .seconds(3)) }
        }
        #expect(failure?.reason == .durationMax(.seconds(10)))
        #expect(failure?.report.end == .zero + .seconds(9))
    }

    @Test("at its limit of events, when time does not pass")
    func eventLimit() async throws {
        let failure = await self.failure(WorldOptions(eventsMax: 1000)) { _ in
            while true { await Task.yield() }
        }
        #expect(failure?.reason == .eventsMax(1000))
        #expect(failure?.report.end == .zero)
    }

    @Test("and says what nobody waited for")
    func leftovers() async throws {
        let report = try await World.run(seed: 1) { world in
            for seconds in 1...3 { Task { try await world.time.sleep(for: .seconds(seconds)) } }
            world.schedule(after: .seconds(9)) {}
            try await world.time.sleep(for: .seconds(1.5))
            for _ in 0..<4 { Task {} }
        }.report
        #expect(report.timersPending == 3)
        #expect(report.jobsPending == 4)
    }

    @Test("when the task that runs it is cancelled, through its body")
    func cancellation() async throws {
        let (started, source) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await World.run(seed: 1, options: WorldOptions(durationMax: .seconds(1 << 32), eventsMax: .max)) {
                world in
                source.finish()
                while true { try await world.time.sleep(for: .seconds(1)) }
            }
        }
        for await _ in started {}
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
