package import Basis
import ClusterActors

/// P5: every ISP has exactly one outcome, or its agent crashed.
package struct OutcomeChecker: InvariantChecker {
    private struct Running {
        var began: MonotonicInstant
        /// When its initiator last told of a step.
        var lastSign: MonotonicInstant
        var isExecuting = false
    }

    private let bounds: InvariantBounds
    private var running: [ISPID: Running] = [:]
    private var ended: Set<ISPID> = []

    package init(_ bounds: InvariantBounds) {
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .told(let node, .ispStarted(let key, _)):
            guard self.running[key.isp] == nil, !self.ended.contains(key.isp) else {
                return [Breach(.oneOutcome, node: node, isp: key.isp, "starts a second time")]
            }
            self.running[key.isp] = Running(began: now, lastSign: now)
        case .told(let node, .ispEnded(let summary)):
            let isp = summary.key.isp
            guard self.running.removeValue(forKey: isp) != nil else {
                let what = self.ended.contains(isp) ? "ends a second time" : "ends and never began"
                return [Breach(.oneOutcome, node: node, isp: isp, "\(what): \(summary.outcome.name)")]
            }
            self.ended.insert(isp)
        case .crashed(let node):
            // An ISP whose agent crashed has no outcome: nobody is left to have one.
            for isp in self.running.keys.filter({ $0.node == node }) {
                self.running[isp] = nil
                self.ended.insert(isp)
            }
        case .told(_, .confirmed(let isp, _, _)):
            self.running[isp]?.isExecuting = true
            self.running[isp]?.lastSign = now
        case .told(_, .asked(let isp, _)), .told(_, .solved(let isp, _, _, _, _)), .told(_, .waits(let isp, _)):
            self.running[isp]?.isExecuting = false
            self.running[isp]?.lastSign = now
        case .told(_, .migrationOrdered(let action, _, _, _, _)), .told(_, .migrationProgress(let action, _, _)),
            .told(_, .migrationEnded(let action, _, _, _, _, _, _)):
            self.running[action.isp]?.lastSign = now
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .paused, .resumed, .network,
            .sees, .queues, .tick:
            break
        }
        return []
    }

    package mutating func conclude(at now: MonotonicInstant) -> [Breach] {
        self.running.sorted { $0.key < $1.key }.compactMap { isp, running in
            let timings = self.bounds.timings
            let idleMax =
                running.isExecuting
                ? self.bounds.flightMax : timings.blockedWait + timings.resweepDelayMax + self.bounds.noticeMax
            let isOld = now - running.began > timings.ispDeadline + idleMax && !running.isExecuting
            guard isOld || now - running.lastSign > idleMax else { return nil }
            return Breach(
                .oneOutcome, node: isp.node, isp: isp,
                "has not ended \((now - running.began).inSeconds) s after its start")
        }
    }
}
