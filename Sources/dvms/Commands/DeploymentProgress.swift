import Basis
import Deployer
import Foundation
import Glibc
import Settings
import Synchronization

/// Tells on standard error how far a deployment is: what goes wrong on lines of its own, the rest on one line that is
/// written over, if that is a terminal.
final class DeploymentProgress: Sendable {
    private struct State {
        var done: [RunStage: Int] = [:]
        var retries = 0
        var shownAt: ContinuousClock.Instant?
    }

    private static let showInterval = Duration.milliseconds(200)

    private let hosts: Int
    private let guests: Int
    private let isShown = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    init(_ fleet: FleetSettings, isModelled: Bool) {
        self.hosts = fleet.booking.hosts
        self.guests = fleet.guestCount
        if isModelled { Console.complain("modelled hosts, in virtual time") }
    }

    func take(_ event: DeploymentEvent) {
        let now = ContinuousClock.now
        let line = self.state.withLock { state -> String? in
            switch event {
            case .finished(let stage, _, _): state.done[stage, default: 0] += 1
            case .retried: state.retries += 1
            case .booking, .installing, .settling, .hostSetAside, .hostLeftAlone, .sparePromoted, .guestFailed,
                .guestFound, .agentFailed, .removalFailed, .sourcePassedOver, .spreadNotEnded:
                break
            }
            guard self.isShown, state.shownAt.map({ now - $0 >= Self.showInterval }) ?? true else { return nil }
            state.shownAt = now
            return self.line(state)
        }
        if let words = Self.words(event) { self.write((self.isShown ? "\r\u{1B}[K" : "") + words + "\n") }
        if let line { self.write("\r\u{1B}[K\(line)") }
    }

    func end() {
        if self.isShown { self.write("\r\u{1B}[K") }
    }

    private func line(_ state: State) -> String {
        let stages = RunStage.allCases.compactMap { stage -> String? in
            guard let done = state.done[stage] else { return nil }
            switch stage {
            case .install: return "installed \(done)"
            case .probe, .prepare, .network, .image, .agent: return "\(stage.rawValue) \(done)/\(self.hosts)"
            case .boot: return nil
            case .check: return "VMs \(done)/\(self.guests)"
            case .removal: return "removed \(done)"
            }
        }
        return (stages + [Figures.count(state.retries, "retry", "retries")]).joined(separator: "  ")
    }

    private static func words(_ event: DeploymentEvent) -> String? {
        switch event {
        case .finished, .retried: nil
        case .booking(let event): Self.words(event).onOneLine
        case .installing(let count): "\(Figures.count(count, "host")) get an operating system, which takes minutes"
        case .settling(let count):
            "\(Figures.count(count, "host")) may still get an operating system by an earlier run; waiting for its end"
        case .hostSetAside(let id, let failure): "\(id) is set aside: \(failure)".onOneLine
        case .hostLeftAlone(let id, let failure):
            "\(id) is left alone with the VMs that ran on it: \(failure)".onOneLine
        case .sourcePassedOver(let id, let kind, let source, let chunk, let why):
            "\(id) gets \(kind.words) from another source than \(source), from chunk \(chunk) on: \(why)".onOneLine
        case .spreadNotEnded(let id, let kind, let failure):
            "\(id) may still let hosts fetch \(kind.words): \(failure)".onOneLine
        case .sparePromoted(let id): "\(id) takes its place"
        case .guestFailed(let name, let why): "\(name) failed: \(why)".onOneLine
        case .guestFound(let name, let id): "\(name) is on \(id) now"
        case .agentFailed(let id, let failure): "dvmsd does not run on \(id): \(failure)".onOneLine
        case .removalFailed(let name, let why): "\(name) could not be removed: \(why)".onOneLine
        }
    }

    private static func words(_ event: BookingEvent) -> String {
        switch event {
        case .submitted(let job): "\(job) is submitted"
        case .found(let job): "\(job) was submitted before, and is awaited"
        case .waiting(let job, let words, let starts):
            "\(job) waits: \(words)"
                + (starts.map { ", expected to start \(Self.localTime($0))" } ?? ", nobody says when it starts")
        case .started(let job, let hosts): "\(job) runs, on \(Figures.count(hosts, "host"))"
        case .mayStillCome(let system, let name, let limit):
            "an earlier run asked \(system.title) for the job \(name) and did not hear of it; waiting up to "
                + "\(limit.inMilliseconds / 1_000) s, as it may still come"
        }
    }

    private static func localTime(_ milliseconds: UInt64) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd HH:mm:ss"
        return formatter.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1_000))
    }

    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
