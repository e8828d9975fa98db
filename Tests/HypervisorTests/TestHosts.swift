import Basis
import Hypervisor
import Placement
import Synchronization

/// A clock that only the test moves.
final class ManualTime: TimeSource {
    private struct State {
        var now = MonotonicInstant.zero
        var sleepers: [(id: Int, deadline: MonotonicInstant, wake: CheckedContinuation<Void, any Error>)] = []
        var sleepersEver = 0
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())
    private let falls: AsyncStream<Void>.Continuation
    /// An element each time that somebody falls asleep.
    let sleeps: AsyncStream<Void>

    init() {
        (self.sleeps, self.falls) = AsyncStream.makeStream()
    }

    var now: MonotonicInstant { self.state.withLock { $0.now } }
    var wallClockMilliseconds: UInt64 { 0 }

    /// The earliest deadline that is slept for.
    var firstDeadline: MonotonicInstant? { self.state.withLock { state in state.sleepers.map(\.deadline).min() } }

    func set(_ now: MonotonicInstant) {
        let due = self.state.withLock { state in
            state.now = max(state.now, now)
            let due = state.sleepers.filter { $0.deadline <= state.now }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        for sleeper in due { sleeper.wake.resume() }
    }

    func sleep(until deadline: MonotonicInstant) async throws {
        let id = self.state.withLock { state in
            state.sleepersEver += 1
            return state.sleepersEver
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { self.register($0, id, deadline) }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                state.cancelled.insert(id)
                let index = state.sleepers.firstIndex { $0.id == id }
                return index.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.wake.resume(throwing: CancellationError())
        }
    }

    private func register(_ wake: CheckedContinuation<Void, any Error>, _ id: Int, _ deadline: MonotonicInstant) {
        enum Outcome { case due, cancelled, asleep }
        let outcome: Outcome = self.state.withLock { state in
            if state.cancelled.contains(id) { return .cancelled }
            if deadline <= state.now { return .due }
            state.sleepers.append((id, deadline, wake))
            return .asleep
        }
        switch outcome {
        case .due: wake.resume()
        case .cancelled: wake.resume(throwing: CancellationError())
        case .asleep: self.falls.yield()
        }
    }
}

/// Collects what a migration reports and lets a test wait for the first report.
final class ProgressLog: Sendable {
    private let reports: Mutex<[MigrationProgress]> = Mutex([])
    private let stream: AsyncStream<MigrationProgress>
    private let continuation: AsyncStream<MigrationProgress>.Continuation

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    var all: [MigrationProgress] { self.reports.withLock { $0 } }

    @Sendable func note(_ progress: MigrationProgress) {
        self.reports.withLock { $0.append(progress) }
        self.continuation.yield(progress)
    }

    /// Waits for a report that `isMeant`; false when the task is cancelled first.
    func first(_ isMeant: (MigrationProgress) -> Bool = { _ in true }) async -> Bool {
        for await progress in self.stream where isMeant(progress) { return true }
        return false
    }
}

func settings(
    _ node: NodeID, cpu: Int = 4_000, memory: Int = 8_192, linkMbps: Int = 1_000,
    downtime: Duration = .milliseconds(30),
    path: String? = nil
) -> ModelledHostSettings {
    ModelledHostSettings(
        node: node, capacity: Resources(cpuMillicores: cpu, memoryMiB: memory), linkMbps: linkMbps,
        endpoint: path.map { MigrationEndpoint(uri: $0) }, downtimeMax: downtime)
}

func guest(_ vm: VMID, cpu: Int = 500, memory: Int = 1_024, dirty: Int = 0) -> ModelledGuest {
    ModelledGuest(vm: vm, demand: Resources(cpuMillicores: cpu, memoryMiB: memory), dirtyMiBPerSecond: dirty)
}

func ticket(_ vm: VMID, from source: NodeID = "h1", number: UInt64 = 1) -> MigrationTicket {
    MigrationTicket(vm: vm, source: source, number: number)
}

func order(
    _ vm: VMID, from source: NodeID = "h1", to destination: NodeID = "h2", number: UInt64 = 1, at path: String? = nil,
    bandwidth: Int = 0, timeLimit: Duration = .seconds(1_800), autoConverge: Bool = false
) -> MigrationOrder {
    let endpoint = path.map { MigrationEndpoint(uri: $0) } ?? ModelledHostSettings.fleetEndpoint(of: destination)
    return MigrationOrder(
        ticket: ticket(vm, from: source, number: number), destination: destination, endpoint: endpoint,
        mark: HandoverMark(
            isp: "h1#1.1", action: number, source: source,
            sourceEndpoint: ModelledHostSettings.fleetEndpoint(of: source), destination: destination),
        limits: MigrationLimits(
            bandwidthMiBPerSecond: bandwidth, timeLimit: timeLimit, autoConverge: autoConverge, tls: false))
}

/// The error that `body` throws.
func failure(_ body: () async throws(HypervisorError) -> Void) async -> HypervisorError? {
    do throws(HypervisorError) {
        try await body()
        return nil
    } catch {
        return error
    }
}

/// Whether an error is of the kind of `kind`, whatever it says.
func isLike(_ error: HypervisorError?, _ kind: HypervisorError) -> Bool {
    switch (error, kind) {
    case (.unreachable, .unreachable), (.refused, .refused), (.failed, .failed), (.aborted, .aborted): true
    case (.noSuchVM(let left), .noSuchVM(let right)): left == right
    default: false
    }
}
