import Basis
import Foundation
import Simulation
import Testing

/// Sleeps, then hands a number to the next in the ring.
private actor Tiny {
    private var next: Tiny?
    private var sum = 0

    func follow(_ next: Tiny) { self.next = next }

    func add(_ number: Int) { self.sum &+= number }

    func run(_ time: VirtualTime, rounds: Int, seed: UInt64) async {
        var generator = SplitMix64(seed: seed)
        for round in 0..<rounds {
            try? await time.sleep(for: .microseconds(Int.random(in: 1...1_000_000, using: &generator)))
            await self.next?.add(round)
        }
    }
}

@Suite("Speed")
struct EventRateTests {
    /// Prints a figure; what it asserts is only that the work was done.
    @Test("of a thousand tiny actors, with and without processes", arguments: [false, true])
    func eventsPerSecond(inProcesses: Bool) async throws {
        let (count, rounds) = (1000, 50)
        let outcome = try await World.run(seed: 1) { world in
            let began = clockOfThread()
            let actors = (0..<count).map { _ in Tiny() }
            for index in 0..<count { await actors[index].follow(actors[(index + 1) % count]) }
            for (index, tiny) in actors.enumerated() {
                let run: @Sendable () async -> Void = {
                    await tiny.run(world.time, rounds: rounds, seed: UInt64(index))
                }
                if inProcesses { world.makeProcess("p\(index)").start(run) } else { Task { await run() } }
            }
            try await world.time.sleep(for: .seconds(3600))
            return clockOfThread() - began
        }
        let rate = Int(Double(outcome.report.events) / outcome.value)
        print("\(count) actors, in processes: \(inProcesses): \(outcome.report.events) events, \(rate) per CPU second")
        #expect(outcome.report.events > count * rounds)
    }
}

/// CPU seconds that this thread has used.
private func clockOfThread() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
