package import Basis

/// The limits and the manner of one run of a ``World``.
package struct WorldOptions: Hashable, Sendable {
    /// In which order jobs run that are ready at the same instant.
    package var readyOrder: ReadyOrder

    /// How long the world may last, in virtual time.
    package var durationMax: Duration

    /// How many jobs and timers may run in all. Catches loops that never let time pass.
    package var eventsMax: Int

    /// How many of the last traced events are kept for reports of failures.
    package var traceLinesMax: Int

    /// Whether every task belongs to the process that started it: only then is all its code paused and crashed with the
    /// process, and found when it runs outside of the world. Without, only the process's actors are. Costs about 40 bytes
    /// for each task ever started, and a tenth of the time.
    package var tracksTasks: Bool

    /// What the wall clock shows when the world begins, in milliseconds since 1970.
    package var wallClockStartMilliseconds: UInt64

    package init(
        readyOrder: ReadyOrder = .random, durationMax: Duration = .seconds(24 * 3600), eventsMax: Int = 50_000_000,
        traceLinesMax: Int = 200, tracksTasks: Bool = true,
        wallClockStartMilliseconds: UInt64 = Self.firstOf2026
    ) {
        precondition(durationMax > .zero && eventsMax > 0 && traceLinesMax >= 0, "a world needs limits above zero")
        self.readyOrder = readyOrder
        self.durationMax = durationMax
        self.eventsMax = eventsMax
        self.traceLinesMax = traceLinesMax
        self.tracksTasks = tracksTasks
        self.wallClockStartMilliseconds = wallClockStartMilliseconds
    }

    /// 2026-01-01T00:00:00Z: fixed, so that two runs agree.
    package static let firstOf2026: UInt64 = 1_767_225_600_000
}

/// What a world did, and what it left behind.
package struct WorldReport: Hashable, Sendable {
    package var seed: UInt64
    /// The virtual instant at which it ended.
    package var end: MonotonicInstant
    /// Jobs run and timers fired.
    package var events: Int
    /// Jobs that were ready when the body ended: tasks that nobody waited for.
    package var jobsPending: Int
    /// Timers that were armed when the body ended: sleeps and messages that nobody waited for.
    package var timersPending: Int
    /// Jobs of paused processes that waited for the process to go on.
    package var jobsHeld: Int
    /// Jobs of crashed processes that were dropped.
    package var jobsDropped: Int
    /// Jobs that came up on threads other than the world's. Above zero the run has failed.
    package var jobsEscaped: Int
    /// Sleeps on a real clock (`Task.sleep(for:)`). Their length depends on how fast the machine is.
    package var realClockSleeps: Int
    /// Equal for two runs of a seed.
    package var traceHash: UInt64
    /// The last traced events, oldest first.
    package var traceLines: [String]
}

/// What came out of a world's body, and what the world did.
package struct WorldOutcome<Value: Sendable>: Sendable {
    package var value: Value
    package var report: WorldReport
}

/// Why a world ended before its body did.
package struct WorldFailure: Error, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// Nothing was ready, no timer was armed, and the body had not ended. A continuation that only another thread
        /// would resume looks the same.
        case deadlock
        /// The next timer lay beyond ``WorldOptions/durationMax``.
        case durationMax(Duration)
        /// ``WorldOptions/eventsMax`` was reached.
        case eventsMax(Int)
        /// Work of the world ran on another thread.
        case jobsEscaped(Int)
    }

    package var reason: Reason
    package var report: WorldReport

    package var description: String {
        let what =
            switch self.reason {
            case .deadlock: "deadlock: nothing is ready and no timer is armed"
            case .durationMax(let limit): "the world would last longer than \(limit)"
            case .eventsMax(let limit): "more than \(limit) events"
            case .jobsEscaped(let count): "\(count) jobs ran on threads outside of the world"
            }
        let left =
            "\(self.report.jobsHeld) jobs held by paused processes, \(self.report.jobsDropped) dropped by crashed"
        let head = "seed \(self.report.seed), at \(self.report.end.inWords) s: \(what); \(left)"
        return ([head] + self.report.traceLines).joined(separator: "\n")
    }
}
