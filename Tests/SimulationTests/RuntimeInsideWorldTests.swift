import Basis
import Foundation
import Simulation
import Testing

/// What the runtime offers, used as production code would, without a word about worlds.
private struct Feature: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Returns the threads on which its parts ran.
    var use: @Sendable () async throws -> [ThreadName]

    init(_ name: String, _ use: @escaping @Sendable () async throws -> [ThreadName]) {
        self.testDescription = name
        self.use = use
    }
}

private let features = [
    Feature("a default actor") {
        let place = Place()
        return [await place.thread(), .here]
    },
    Feature("async let") {
        async let one = ThreadName.current()
        async let other = Place().thread()
        return await [one, other, .here]
    },
    Feature("a task group") {
        await withTaskGroup(of: ThreadName.self) { group in
            for _ in 0..<3 { group.addTask { .here } }
            var threads: [ThreadName] = []
            for await thread in group { threads.append(thread) }
            return threads + [.here]
        }
    },
    Feature("a discarding task group") {
        let place = Place()
        await withDiscardingTaskGroup { group in
            for _ in 0..<3 { group.addTask { await place.note(.here) } }
        }
        return await place.noted + [.here]
    },
    Feature("an unstructured task") { [await Task { .here }.value, .here] },
    Feature("an unstructured task of an actor") { await Place().threadsOfTask() },
    Feature("a detached task") { [await Task.detached { await ThreadName.current() }.value, .here] },
    Feature("Task.sleep on the continuous clock") {
        try await Task.sleep(for: .milliseconds(2))
        return [.here]
    },
    Feature("Task.sleep in nanoseconds") {
        try await Task.sleep(nanoseconds: 5_000_000_000)
        return [.here]
    },
    Feature("Task.yield") {
        await Task.yield()
        return [.here]
    },
    Feature("a continuation") {
        await withCheckedContinuation { continuation in
            Task { continuation.resume() }
        }
        return [.here]
    },
    Feature("a stream") {
        let (stream, source) = AsyncStream.makeStream(of: Int.self)
        async let reader: [ThreadName] = {
            var threads: [ThreadName] = []
            for await _ in stream { threads.append(.here) }
            return threads
        }()
        for number in 0..<3 {
            source.yield(number)
            await Task.yield()
        }
        source.finish()
        return await reader + [.here]
    },
    Feature("a cancellation handler") {
        let place = Place()
        let task = Task {
            await withTaskCancellationHandler {
                try? await Task.sleep(nanoseconds: 1_000_000_000_000)
            } onCancel: {
                Task { await place.note(.here) }
            }
        }
        await Task.yield()
        task.cancel()
        await task.value
        await Task.yield()
        return await place.noted + [.here]
    },
    Feature("a concurrent function") { [await ThreadName.concurrently(), .here] },
]

/// Which thread something ran on, by the kernel's number: that of pthreads is an address, which a thread that begins after
/// another has ended may have again.
private struct ThreadName: Hashable, Sendable {
    /// As in `12/task/34`.
    var name: String

    static var here: ThreadName {
        guard let name = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self") else {
            preconditionFailure("Linux names the thread that asks")
        }
        return ThreadName(name: name)
    }

    static func current() async -> ThreadName { .here }

    @concurrent static func concurrently() async -> ThreadName { .here }
}

private actor Place {
    private(set) var noted: [ThreadName] = []

    func thread() -> ThreadName { .here }

    func note(_ thread: ThreadName) { self.noted.append(thread) }

    func threadsOfTask() async -> [ThreadName] {
        let inside = await Task {
            self.note(.here)
            return await ThreadName.current()
        }.value
        return self.noted + [inside, .here]
    }
}

@Suite("The runtime inside a world")
struct RuntimeInsideWorldTests {
    @Test("stays on the world's thread", arguments: features, [ReadyOrder.firstInFirstOut, .random])
    private func staysInside(feature: Feature, order: ReadyOrder) async throws {
        let outcome = try await World.run(seed: 11, options: WorldOptions(readyOrder: order)) { _ in
            let home = ThreadName.here
            return (home: home, seen: try await feature.use())
        }
        #expect(!outcome.value.seen.isEmpty)
        #expect(outcome.value.seen.allSatisfy { $0 == outcome.value.home })
        #expect(outcome.report.jobsEscaped == 0)
    }

    @Test("sleeps in virtual time: a week passes at once")
    func sleepsAreVirtual() async throws {
        let began = ContinuousClock.now
        let report = try await World.run(seed: 1, options: WorldOptions(durationMax: .seconds(700_000))) { world in
            try await world.time.sleep(for: .seconds(7 * 24 * 3600))
            try await Task.sleep(nanoseconds: 1_000_000_000)
        }.report
        #expect(report.end == .zero + .seconds(7 * 24 * 3600 + 1))
        #expect(ContinuousClock.now - began < .seconds(60))
    }

    @Test("sleeps on a real clock are counted, since their length is not the seed's")
    func realClockSleeps() async throws {
        let report = try await World.run(seed: 1) { _ in
            try await Task.sleep(for: .milliseconds(2))
            try await Task.sleep(nanoseconds: 3_000_000)
        }.report
        #expect(report.realClockSleeps == 2)
        #expect(report.end == .zero + .milliseconds(5))
    }

    @Test("leaves the rest of the process alone")
    func ordinaryConcurrencyGoesOn() async throws {
        async let inside = World.run(seed: 3) { world in
            for _ in 0..<200 { try await world.time.sleep(for: .seconds(1)) }
            return ThreadName.here
        }
        let outside = await withTaskGroup(of: (Int, ThreadName).self) { group in
            for number in 0..<50 {
                group.addTask {
                    try? await Task.sleep(for: .microseconds(100))
                    return (await Task.detached { number }.value, .here)
                }
            }
            return await group.reduce(into: [(Int, ThreadName)]()) { $0.append($1) }
        }
        let world = try await inside
        #expect(outside.map(\.0).sorted() == Array(0..<50))
        #expect(!outside.map(\.1).contains(world.value))
        #expect(world.report.end == .zero + .seconds(200))
    }
}
