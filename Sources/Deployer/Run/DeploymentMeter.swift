package import Basis
import Synchronization

/// Adds up what a run spends its time with.
final class DeploymentMeter: Sendable {
    private struct State {
        var stages: [RunStage: StageFigures] = [:]
        var failures: [DeploymentReport.Failure] = []
        var agentless: [NodeID] = []
        var hostTimes: [String: Duration] = [:]
    }

    private let time: any TimeSource
    private let watch: @Sendable (DeploymentEvent) -> Void
    private let state = Mutex(State())

    init(time: any TimeSource, watch: @escaping @Sendable (DeploymentEvent) -> Void) {
        self.time = time
        self.watch = watch
    }

    /// Measures `body` as one passage of `entity` through `stage`.
    func measure(
        _ stage: RunStage, _ entity: String, _ body: () async throws(RunFailure) -> Void
    ) async throws(RunFailure) {
        let began = self.time.now
        try await body()
        self.finish(stage, entity, since: began)
    }

    /// Takes note of a passage of `entity` through `stage` that ends now.
    func finish(_ stage: RunStage, _ entity: String, since began: MonotonicInstant) {
        let took = self.time.now - began
        self.state.withLock { state in
            state.stages[stage, default: StageFigures()].take(took, began: began, entity: entity)
            switch stage {
            case .install, .probe, .prepare, .network, .image: state.hostTimes[entity, default: .zero] += took
            case .boot, .check, .agent, .removal: break
            }
        }
        self.watch(.finished(stage, entity: entity, took: took))
    }

    func note(_ event: DeploymentEvent) {
        self.state.withLock { state in
            switch event {
            case .retried(let stage, _, _, _, _):
                state.stages[stage, default: StageFigures()].retries += 1
            case .hostSetAside(let id, let failure):
                state.failures.append(.init(entity: id.name, why: failure.description))
            case .hostLeftAlone(let id, let failure):
                state.failures.append(
                    .init(entity: id.name, why: "\(failure); the VMs that ran on it are left as they are"))
            case .agentFailed(let id, let failure):
                // Of several rounds, too.
                if !state.agentless.contains(id) { state.agentless.append(id) }
                state.failures.append(.init(entity: id.name, why: "dvmsd does not run as it should: \(failure)"))
            case .guestFailed(let name, let why), .removalFailed(let name, let why):
                state.failures.append(.init(entity: name, why: why))
            case .spreadNotEnded(let id, let kind, let failure):
                state.failures.append(
                    .init(entity: id.name, why: "\(failure); keys that fetch \(kind.words) may still be there"))
            case .finished, .installing, .settling, .sparePromoted, .booking, .guestFound, .sourcePassedOver:
                break
            }
        }
        self.watch(event)
    }

    /// In the order of stages; only those that something went through.
    var stages: [(RunStage, StageFigures)] {
        self.state.withLock { state in
            RunStage.allCases.compactMap { stage in state.stages[stage].map { (stage, $0) } }
        }
    }

    /// Hosts on which dvmsd does not run as it should, in the order in which that was found.
    var agentless: [NodeID] { self.state.withLock(\.agentless) }

    var failures: [DeploymentReport.Failure] { self.state.withLock(\.failures) }

    /// The hosts that took longest to be ready, first; at most `count`.
    func slowest(_ count: Int) -> [DeploymentReport.SlowHost] {
        self.state.withLock(\.hostTimes)
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(count)
            .map { DeploymentReport.SlowHost(host: $0.key, took: $0.value) }
    }
}

/// What went through a stage, and how long that took.
package struct StageFigures: Hashable, Sendable {
    /// Hosts or guests.
    package var count = 0
    package var retries = 0
    /// When the first passage began and the last one ended.
    package var began = MonotonicInstant.distantFuture
    package var ended = MonotonicInstant.zero
    /// Of all passages together.
    package var sum = Duration.zero
    package var longest = Duration.zero
    package var slowest = ""

    /// From the first beginning to the last end.
    package var span: Duration { self.count == 0 ? .zero : self.ended - self.began }

    mutating func take(_ took: Duration, began: MonotonicInstant, entity: String) {
        self.count += 1
        self.sum += took
        self.began = min(self.began, began)
        self.ended = max(self.ended, began + took)
        if took > self.longest { (self.longest, self.slowest) = (took, entity) }
    }
}
