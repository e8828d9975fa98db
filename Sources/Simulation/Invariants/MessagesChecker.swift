package import Basis
import ClusterActors

/// P12: an ISP takes no more messages than `docs/protocol.md` promises under "Messages per ISP".
package struct MessagesChecker: InvariantChecker {
    /// What of an ISP the bound depends on and its summary does not say.
    private struct Seen {
        var grants = 0
        var met: Set<ISPID> = []
        /// How long each migration took that has ended, and how many have not.
        var migrations: [Duration] = []
        var underWay = 0
    }

    private let nodes: Int
    private let bounds: InvariantBounds
    private var seen: [ISPID: Seen] = [:]

    /// - Parameter nodes: of the ring.
    package init(nodes: Int, _ bounds: InvariantBounds) {
        self.nodes = nodes
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        guard case .told(let node, let event) = fact else {
            if case .crashed(let node) = fact { self.seen = self.seen.filter { $0.key.node != node } }
            return []
        }
        switch event {
        case .granted(let isp, _, _):
            self.seen[isp, default: Seen()].grants += 1
        case .waits(let isp, let others):
            self.seen[isp, default: Seen()].met.formUnion(others)
        case .migrationOrdered(let action, _, _, _, _):
            self.seen[action.isp, default: Seen()].underWay += 1
        case .migrationEnded(let action, _, _, _, _, let duration, _):
            self.seen[action.isp, default: Seen()].underWay -= 1
            self.seen[action.isp, default: Seen()].migrations.append(duration)
        case .ispEnded(let summary):
            let seen = self.seen.removeValue(forKey: summary.key.isp) ?? Seen()
            let most = self.messagesMax(of: summary, seen)
            guard summary.messages > most else { return [] }
            let what = "took \(summary.messages) messages, promised are at most \(most)"
            return [Breach(.messagesBounded, node: node, isp: summary.key.isp, what)]
        default:
            break
        }
        return []
    }

    private func messagesMax(of summary: ISPSummary, _ seen: Seen) -> Int {
        let timings = self.bounds.timings
        let polls = { (duration: Duration, interval: Duration) in Int(duration / interval) }
        let reserve = 2 * (self.nodes - 1) * summary.sweeps
        let renew =
            (summary.membersPeak - 1)
            * (polls(summary.duration, timings.renewInterval) + 2 * (summary.solves + self.bounds.replansMax))
        let migrations = seen.migrations + Array(repeating: summary.duration, count: max(seen.underWay, 0))
        let migrate = migrations.reduce(0) { $0 + 2 + polls($1, timings.actionPoll) }
        let wait = seen.met.count * (polls(summary.duration, timings.waitPoll) + 2 * summary.sweeps)
        return reserve + renew + migrate + wait + seen.grants
    }
}
