package import Basis
import ClusterActors
package import Journal
import Placement

/// Agent events as the journal keeps them.
package struct EventEntries: Sendable {
    let time: any TimeSource
    /// What the machine's clock since its boot showed at the origin of `time`: instants of the daemons of one machine
    /// can be compared only on that clock.
    let machineClockOffset: Duration
    let unsolved: UnsolvedProblems

    package init(time: any TimeSource, machineClockOffset: Duration, unsolved: UnsolvedProblems) {
        self.time = time
        self.machineClockOffset = machineClockOffset
        self.unsolved = unsolved
    }

    func event(_ event: AgentEvent, at instant: MonotonicInstant, sequence: UInt64) -> EventEntry {
        var facts = Dictionary(event.facts.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        switch event {
        case .nodeGranted, .nodeEnded: facts["monotonic_ns"] = "\((instant + self.machineClockOffset).nanoseconds)"
        case .unsolved(let isp, _): facts["file"] = self.unsolved.file(of: "\(isp)")
        default: break
        }
        return EventEntry(
            sequence: sequence, wallMilliseconds: self.time.wallClockMilliseconds, kind: event.kind,
            isp: event.isp?.description, vm: event.vm?.name, text: event.text, facts: facts)
    }
}

/// The ISPs and migrations of this node that have begun and not ended: their rows are written twice.
struct OpenRecords {
    private var isps: [ISPID: ISPEntry] = [:]
    private var migrations: [ActionID: MigrationEntry] = [:]

    /// Takes what an event says of an ISP or a migration into `batch`.
    mutating func take(_ event: AgentEvent, wallMilliseconds: UInt64, into batch: inout NodeJournal.Batch) {
        switch event {
        case .ispStarted(let key, let reason):
            let entry = ISPEntry(
                isp: key.isp.description, trigger: "\(key.triggerClass)", reason: reason, birth: key.birth,
                startedWallMilliseconds: wallMilliseconds)
            self.isps[key.isp] = entry
            batch.isps.append(entry)
        case .ispEnded(let summary):
            guard var entry = self.isps.removeValue(forKey: summary.key.isp) else { return }
            entry.ending = ISPEntry.Ending(summary, wallMilliseconds: wallMilliseconds)
            batch.isps.append(entry)
        case .migrationOrdered(let action, let vm, let from, let to, _):
            let entry = MigrationEntry(
                action: action.description, isp: action.isp.description, vm: vm.name, from: from.name, to: to.name,
                startedWallMilliseconds: wallMilliseconds)
            self.migrations[action] = entry
            batch.migrations.append(entry)
        case .migrationEnded(let action, _, _, _, let result, let duration, let memoryMiB):
            guard var entry = self.migrations.removeValue(forKey: action) else { return }
            entry.ending = MigrationEntry.Ending(
                tookMilliseconds: Int(duration.inMilliseconds), result: result.text,
                movedMiB: result == .moved ? memoryMiB : 0)
            batch.migrations.append(entry)
        default:
            return
        }
    }
}

extension ISPEntry.Ending {
    init(_ summary: ISPSummary, wallMilliseconds: UInt64) {
        self.init(
            wallMilliseconds: wallMilliseconds, outcome: summary.outcome.name, detail: summary.outcome.detail,
            tookMilliseconds: Int(summary.duration.inMilliseconds),
            decideMilliseconds: summary.timeToPlan.map { Int($0.inMilliseconds) }, membersPeak: summary.membersPeak,
            nodesAsked: summary.nodesAsked, hops: summary.hops, sweeps: summary.sweeps, messages: summary.messages,
            solves: summary.solves, solveSteps: summary.solveSteps,
            solveMicroseconds: Int(summary.solveDuration.inNanoseconds / 1_000), migrations: summary.migrations,
            movedMiB: summary.movedMiB)
    }
}
