// Structs of C belong to this module or to Glibc, whichever the compiler meets first in all files.
import CoreFoundation
import Foundation
import Glibc
import Simulation
import Synchronization

/// Shows on standard error, if that is a terminal, how far all runs are, and measures what each takes.
final class SimulationProgress: Sendable {
    private struct State {
        var virtual: [Duration] = []
        var events: [Int] = []
        var shownAt: ContinuousClock.Instant?
    }

    private static let showInterval = Duration.milliseconds(500)

    private let runs: Int
    private let duration: Duration
    private let began = ContinuousClock.now
    private let isShown = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    init(runs: Int, duration: Duration) {
        self.runs = runs
        self.duration = duration
    }

    /// For one run that begins now.
    func meter() -> RunMeter {
        let index = self.state.withLock { state in
            state.virtual.append(.zero)
            state.events.append(0)
            return state.virtual.count - 1
        }
        return RunMeter { self.take($0, of: index) }
    }

    private func take(_ progress: Experiment.Progress, of run: Int) {
        let line = self.state.withLock { state -> String? in
            state.virtual[run] = progress.virtual
            state.events[run] = progress.events
            let now = ContinuousClock.now
            guard self.isShown, state.shownAt.map({ now - $0 >= Self.showInterval }) ?? true else { return nil }
            state.shownAt = now
            return self.line(state, after: now - self.began)
        }
        if let line { try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K\(line)".utf8)) }
    }

    private func line(_ state: State, after passed: Duration) -> String {
        let done = state.virtual.reduce(.zero, +) / (self.duration * self.runs)
        let left = done > 0 ? passed * ((1 - done) / done) : .zero
        let rate = Double(state.events.reduce(0, +)) / max(passed / .seconds(1), 0.001)
        return "\(Int(done * 100)) % of \(Figures.count(self.runs, "run")), \(Int(rate)) events/s,"
            + " \(Figures.duration(milliseconds: Int(left / .milliseconds(1)))) left"
    }

    func end() {
        if self.isShown { try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K".utf8)) }
    }
}

/// What one run takes of the machine: its world calls from a thread of its own.
final class RunMeter: Sendable {
    private struct State {
        var began: ContinuousClock.Instant?
        var spent = ExperimentResult.Spent()
    }

    private let forward: @Sendable (Experiment.Progress) -> Void
    private let state = Mutex(State())

    init(_ forward: @escaping @Sendable (Experiment.Progress) -> Void) {
        self.forward = forward
    }

    func take(_ progress: Experiment.Progress) {
        self.state.withLock { state in
            let began = state.began ?? .now
            state.began = began
            state.spent = ExperimentResult.Spent(
                wallSeconds: (.now - began) / .seconds(1), cpuSeconds: Self.threadSeconds)
        }
        self.forward(progress)
    }

    /// Up to now.
    var spent: ExperimentResult.Spent {
        var spent = self.state.withLock(\.spent)
        spent.peakRSSMiB = Self.peakMiB
        return spent
    }

    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// What the kernel calls the high water mark; `getrusage` begins with what the process had that started this one.
    private static var peakMiB: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) / 1_024
    }
}
