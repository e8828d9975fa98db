package import Basis
package import ClusterActors
package import Placement

/// Everything that happened in an experiment, as far as reports tell it. Instants are since it began.
package struct ExperimentRecord: Sendable {
    package struct Procedure: Sendable {
        package var ended: MonotonicInstant
        package var summary: ISPSummary
    }

    package struct Move: Sendable {
        package var ended: MonotonicInstant
        package var vm: VMID
        package var from: NodeID
        package var to: NodeID
        package var duration: Duration
        package var memoryMiB: Int
        /// Nil when it arrived.
        package var failure: String?
    }

    /// Rounds of a central scheduler that found something to do, or ISPs.
    package internal(set) var procedures: [Procedure] = []
    package internal(set) var moves: [Move] = []
    package internal(set) var violations: [ViolationMeter.Violation] = []
    /// How many nodes hosted guests, on average and at least.
    package internal(set) var onlineMean = 0.0
    package internal(set) var onlineLeast = 0
}

/// Collects a record. Safe because a world runs on one thread.
final class ExperimentRecorder: @unchecked Sendable {
    private var record = ExperimentRecord()
    private let world: World
    private let began: MonotonicInstant

    init(_ world: World) {
        self.world = world
        self.began = world.now
    }

    private var now: MonotonicInstant { .zero + (self.world.now - self.began) }

    func take(_ event: AgentEvent) {
        switch event {
        case .ispEnded(let summary):
            self.record.procedures.append(ExperimentRecord.Procedure(ended: self.now, summary: summary))
        case .migrationEnded(_, let vm, let from, let to, let result, let duration, let memoryMiB):
            let failure: String? =
                switch result {
                case .moved: nil
                case .failed(let reason), .inDoubt(let reason): reason
                }
            self.take(
                ExperimentRecord.Move(
                    ended: self.now, vm: vm, from: from, to: to, duration: duration, memoryMiB: memoryMiB,
                    failure: failure))
        default:
            break
        }
    }

    func take(_ move: ExperimentRecord.Move) { self.record.moves.append(move) }

    /// The record up to now, with what was measured, on the record's own time.
    func concluded(_ fleet: MeasuredFleet) -> ExperimentRecord {
        var record = self.record
        record.onlineMean = fleet.online.mean(at: self.world.now)
        record.onlineLeast = fleet.online.least
        record.violations = fleet.meter.violations.map { violation in
            ViolationMeter.Violation(
                node: violation.node, began: .zero + (violation.began - self.began),
                ended: .zero + (violation.ended - self.began), isMadeByArrival: violation.isMadeByArrival)
        }
        return record
    }
}
