import Basis
import Simulation
import Testing

@Suite("Virtual time")
struct VirtualTimeTests {
    @Test("wakes sleepers in the order of their deadlines, those of one instant in the order of falling asleep")
    func order() async throws {
        let options = WorldOptions(readyOrder: .firstInFirstOut)
        let woken = try await World.run(seed: 1, options: options) { world in
            let log = Log()
            await withDiscardingTaskGroup { group in
                for (name, milliseconds) in [("c", 30), ("a", 10), ("d", 30), ("b", 20), ("now", 0), ("past", -5)] {
                    group.addTask {
                        try? await world.time.sleep(for: .milliseconds(milliseconds))
                        await log.add("\(name)@\((world.time.now - .zero).inMilliseconds)")
                    }
                }
            }
            return await log.lines
        }.value
        #expect(woken == ["now@0", "past@0", "a@10", "b@20", "c@30", "d@30"])
    }

    @Test("throws at once when the task is cancelled, whenever that is", arguments: [0, 1, 500, 999, 1000, 1001])
    func cancellation(afterMilliseconds: Int) async throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let outcome = try await World.run(seed: seed) { world in
                let sleeper = Task {
                    do {
                        try await world.time.sleep(for: .seconds(1))
                        return (cancelled: false, at: world.time.now)
                    } catch is CancellationError {
                        return (cancelled: true, at: world.time.now)
                    }
                }
                if afterMilliseconds > 0 { try await world.time.sleep(for: .milliseconds(afterMilliseconds)) }
                sleeper.cancel()
                sleeper.cancel()
                return try await sleeper.value
            }
            let (cancelled, at) = outcome.value
            if afterMilliseconds < 1000 {
                #expect(cancelled && at == .zero + .milliseconds(afterMilliseconds), "seed \(seed)")
            } else if afterMilliseconds > 1000 {
                #expect(!cancelled && at == .zero + .seconds(1), "seed \(seed)")
            } else {
                #expect(at == .zero + .seconds(1), "seed \(seed)")
            }
            #expect(outcome.report.timersPending == 0, "seed \(seed)")
        }
    }

    @Test("keeps nothing of a hundred thousand cancelled sleeps")
    func cancelledTimersAreFreed() async throws {
        let report = try await World.run(seed: 1) { world in
            for _ in 0..<100_000 {
                let sleeper = Task { try? await world.time.sleep(for: .seconds(3600)) }
                await Task.yield()
                sleeper.cancel()
                await sleeper.value
            }
        }.report
        #expect(report.timersPending == 0)
        #expect(report.end == .zero)
    }

    @Test("shows a wall clock that begins where it is told")
    func wallClock() async throws {
        let shown = try await World.run(seed: 1, options: WorldOptions(wallClockStartMilliseconds: 5000)) { world in
            try await world.time.sleep(for: .milliseconds(1500))
            let wrong = SkewedTime(world.time, driftPerMillion: 1_000_000, wallClockAheadMilliseconds: -8100)
            return [world.time.wallClockMilliseconds, wrong.wallClockMilliseconds]
        }.value
        #expect(shown == [6500, 0])
    }

    @Test(
        "of a skewed clock: a sleeper never wakes early by its own clock, and at the first instant that is not",
        arguments: [-999_999, -1000, -1, 0, 1, 333, 1000, 1_000_000])
    func skew(driftPerMillion: Int) async throws {
        let ok = try await World.run(seed: 1, options: WorldOptions(durationMax: .seconds(1 << 32))) { world in
            let start = MonotonicInstant.zero + .seconds(77)
            let time = SkewedTime(world.time, start: start, driftPerMillion: driftPerMillion)
            var checks: [Bool] = [time.now == start]
            for nanoseconds in [1, 3, 999_999, 1_000_001, 10_000_000_000] as [Int64] {
                let deadline = time.now + .nanoseconds(nanoseconds)
                try await time.sleep(until: deadline)
                let before = time.instant(atBase: world.time.now - .nanoseconds(1))
                checks.append(time.now >= deadline && before < deadline)
            }
            return checks
        }.value
        #expect(ok.allSatisfy { $0 })
    }

    @Test("of two skewed clocks drifts apart by as much as said")
    func drift() async throws {
        let apart = try await World.run(seed: 1) { world in
            let fast = SkewedTime(world.time, driftPerMillion: 1000)
            let slow = SkewedTime(world.time, driftPerMillion: -1000)
            try await world.time.sleep(for: .seconds(1000))
            return fast.now - slow.now
        }.value
        #expect(apart == .seconds(2))
    }
}

actor Log {
    private(set) var lines: [String] = []

    func add(_ line: String) { self.lines.append(line) }
}
