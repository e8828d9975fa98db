import Basis
import Simulation
import Testing

@Suite("A run of a seed")
struct DeterminismTests {
    private static func report(seed: UInt64, _ order: ReadyOrder) async throws -> WorldReport {
        let options = WorldOptions(readyOrder: order)
        let outcome = try await World.run(seed: seed, options: options) { world in
            try await RumourRing.run(in: world, nodes: 8, rounds: 30)
        }
        return outcome.report
    }

    @Test(
        "is the same twice, also beside others on other threads", arguments: 1...20 as ClosedRange<UInt64>,
        [ReadyOrder.firstInFirstOut, .random])
    func repeats(seed: UInt64, order: ReadyOrder) async throws {
        async let first = Self.report(seed: seed, order)
        async let second = Self.report(seed: seed, order)
        let (one, other) = (try await first, try await second)
        #expect(one == other)
        #expect(one.events > 1000)
        #expect(one.realClockSleeps == 0)
    }

    @Test("differs from that of other seeds")
    func seedsDiffer() async throws {
        var hashes: Set<UInt64> = []
        for seed in 1...20 as ClosedRange<UInt64> {
            hashes.insert(try await Self.report(seed: seed, .random).traceHash)
        }
        #expect(hashes.count == 20)
    }

    @Test("differs in its trace when only the contents of one message do")
    func contentsShow() async throws {
        func hash(_ number: Int64) async throws -> UInt64 {
            try await World.run(seed: 1) { world in
                world.record("said", ["number": .number(number)])
            }.report.traceHash
        }
        #expect(try await hash(1) != hash(2))
        #expect(try await hash(1) == hash(1))
    }

    @Test("keeps the last events in words")
    func lastLines() async throws {
        let report = try await World.run(seed: 1, options: WorldOptions(traceLinesMax: 2)) { world in
            for number in 1...5 {
                try await world.time.sleep(for: .milliseconds(1500))
                world.record("counted", ["number": .count(number), "who": "a"])
            }
        }.report
        #expect(report.traceLines == ["6.000000000 counted number=4 who=a", "7.500000000 counted number=5 who=a"])
    }
}
