import Basis
import Simulation
import Testing

/// Ticks every second in each way a process can: actor, child task, unstructured task, detached task.
private actor Ticker {
    private(set) var ticks: [String: [Int64]] = [:]
    private let time: VirtualTime
    private let executor: SimulatedProcess

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    init(_ executor: SimulatedProcess, _ time: VirtualTime) {
        self.executor = executor
        self.time = time
    }

    func run() async {
        let beside = DefaultTicker(self)
        Task { await self.tick("unstructured") }
        Task { await beside.tick("unstructured, default actor", self.time) }
        Task.detached { await beside.tick("detached", self.time) }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick("actor") }
            group.addTask { await beside.tick("default actor", self.time) }
        }
    }

    private func tick(_ kind: String) async {
        while true {
            do { try await self.time.sleep(for: .seconds(1)) } catch { return }
            self.note(kind)
        }
    }

    func note(_ kind: String) {
        self.ticks[kind, default: []].append((self.time.now - .zero).inMilliseconds / 1000)
    }
}

private actor DefaultTicker {
    private let report: Ticker

    init(_ report: Ticker) { self.report = report }

    func tick(_ kind: String, _ time: VirtualTime) async {
        while true {
            do { try await time.sleep(for: .seconds(1)) } catch { return }
            await self.report.note(kind)
        }
    }
}

private let kinds = ["actor", "default actor", "detached", "unstructured", "unstructured, default actor"]

@Suite("A simulated process")
struct SimulatedProcessTests {
    /// Two processes tick; `fault` befalls the first. Returns the ticks of both, read at the end from outside.
    private static func ticks(
        seed: UInt64, _ fault: @escaping @Sendable (World, SimulatedProcess) async throws -> Void
    ) async throws -> (struck: [String: [Int64]], other: [String: [Int64]], report: WorldReport) {
        let outcome = try await World.run(seed: seed) { world in
            let (struck, other) = (world.makeProcess("struck"), world.makeProcess("other"))
            let (one, two) = (Ticker(struck, world.time), Ticker(other, world.time))
            struck.start { await one.run() }
            other.start { await two.run() }
            try await fault(world, struck)
            return (try await struck.run { await one.ticks }, try await other.run { await two.ticks })
        }
        return (outcome.value.0, outcome.value.1, outcome.report)
    }

    @Test("runs as if there were none", arguments: 1...5 as ClosedRange<UInt64>)
    func undisturbed(seed: UInt64) async throws {
        let seen = try await Self.ticks(seed: seed) { world, _ in try await world.time.sleep(for: .seconds(5.5)) }
        for ticks in [seen.struck, seen.other] {
            #expect(ticks.keys.sorted() == kinds, "seed \(seed)")
            #expect(ticks.values.allSatisfy { $0 == [1, 2, 3, 4, 5] }, "seed \(seed)")
        }
    }

    @Test("holds every job while paused, and nothing of others", arguments: 1...5 as ClosedRange<UInt64>)
    func pause(seed: UInt64) async throws {
        let seen = try await Self.ticks(seed: seed) { world, struck in
            try await world.time.sleep(for: .seconds(2.5))
            struck.pause(for: .seconds(30))
            #expect(struck.state == .paused)
            try await world.time.sleep(for: .seconds(33.2))
        }
        // The tick due at 3 s comes when the process goes on, at 32 s; from there on it ticks again.
        #expect(seen.struck.keys.sorted() == kinds, "seed \(seed)")
        #expect(seen.struck.values.allSatisfy { $0 == [1, 2, 32, 33, 34, 35] }, "seed \(seed)")
        #expect(seen.other.values.allSatisfy { $0 == Array(1...35) }, "seed \(seed)")
    }

    @Test("holds those who ask it something while it is paused")
    func askingThePaused() async throws {
        let answered = try await World.run(seed: 1) { world in
            let process = world.makeProcess("a")
            process.pause(for: .seconds(8))
            try await process.run {}
            return world.now
        }.value
        #expect(answered == .zero + .seconds(8))
    }

    @Test(
        "runs no job of any task while paused or after a crash, and nothing of others stops",
        arguments: 1...5 as ClosedRange<UInt64>, [SimulatedProcess.State.paused, .crashed])
    func stops(seed: UInt64, fault: SimulatedProcess.State) async throws {
        let outcome = try await World.run(seed: seed) { world in
            let (struck, other) = (world.makeProcess("struck"), world.makeProcess("other"))
            let counter = Counter()
            struck.start { await Self.count(world, counter, \.struck) }
            other.start { await Self.count(world, counter, \.other) }
            try await world.time.sleep(for: .seconds(3.5))
            if fault == .paused { struck.pause() } else { struck.crash() }
            try await world.time.sleep(for: .seconds(10))
            #expect(struck.state == fault)
            return (counter.struck, counter.other)
        }
        #expect(outcome.value == (5 * 3, 5 * 13), "seed \(seed)")
        // The one wake-up of each of the five ticking tasks that came since.
        #expect(outcome.report.jobsHeld == (fault == .paused ? 5 : 0), "seed \(seed)")
        #expect(outcome.report.jobsDropped == (fault == .crashed ? 5 : 0), "seed \(seed)")
    }

    /// Counts on the world's thread without asking anybody. Safe because a world has one thread.
    private final class Counter: @unchecked Sendable {
        var struck = 0
        var other = 0
    }

    private static func count(
        _ world: World, _ counter: Counter, _ which: ReferenceWritableKeyPath<Counter, Int> & Sendable
    ) async {
        @Sendable func tick() async {
            while (try? await world.time.sleep(for: .seconds(1))) != nil { counter[keyPath: which] += 1 }
        }
        Task { await tick() }
        Task.detached { await tick() }
        async let child: Void = tick()
        await withDiscardingTaskGroup { group in
            for _ in 0..<2 { group.addTask { await tick() } }
        }
        await child
    }

    @Test("tells those who wait for it that it crashed")
    func crashWhileAsked() async throws {
        try await World.run(seed: 1) { world in
            let process = world.makeProcess("a")
            world.schedule(after: .seconds(3)) { process.crash() }
            await #expect(throws: ProcessCrashed(name: "a", boot: 1)) {
                try await process.run { try await world.time.sleep(for: .seconds(5)) }
            }
            #expect(world.now == .zero + .seconds(3))
            await #expect(throws: ProcessCrashed(name: "a", boot: 1)) { try await process.run {} }
        }
    }

    @Test("can crash itself, and while it is paused")
    func crashFromWithinAndWhilePaused() async throws {
        let report = try await World.run(seed: 1) { world in
            let one = world.makeProcess("one")
            await #expect(throws: ProcessCrashed.self) {
                try await one.run {
                    one.crash()
                    await Task.yield()
                    Issue.record("ran on after its crash")
                }
            }
            let two = world.makeProcess("two")
            two.pause()
            two.start { Issue.record("ran although paused, then crashed") }
            try await world.time.sleep(for: .seconds(1))
            two.crash()
            two.resume()
            try await world.time.sleep(for: .seconds(1))
        }.report
        #expect(report.jobsDropped == 2)
    }

    @Test("starts again as a new process with the next boot")
    func restart() async throws {
        try await World.run(seed: 1) { world in
            let first = world.makeProcess("a")
            first.crash()
            let second = world.makeProcess("a")
            #expect((first.boot, second.boot, world.makeProcess("b").boot) == (1, 2, 1))
            let answer = try await second.run { 5 }
            #expect(answer == 5)
        }
    }

    @Test("passes on errors, values and cancellation")
    func runPassesOn() async throws {
        try await World.run(seed: 1) { world in
            let process = world.makeProcess("a")
            await #expect(throws: CancellationError.self) { try await process.run { throw CancellationError() } }
            let asking = Task { try await process.run { try await world.time.sleep(for: .seconds(9)) } }
            try await world.time.sleep(for: .seconds(1))
            asking.cancel()
            await #expect(throws: CancellationError.self) { try await asking.value }
            process.start { try? await world.time.sleep(for: .seconds(50)) }
            try await world.time.sleep(for: .seconds(1))
            process.cancelAll()
            try await world.time.sleep(for: .seconds(1))
            #expect(world.now == .zero + .seconds(3))
        }
    }
}
