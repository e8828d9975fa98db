package import Basis
import ClusterActors

/// P8: a blocked ISP goes on or ends after any ISP that it met ends.
///
/// How soon depends on what the network does: the time counts from the last disturbance.
package struct BlockedChecker: InvariantChecker {
    private struct Blocked {
        var others: Set<ISPID>
        /// Since when one of the others is over.
        var due: MonotonicInstant?
        var since: MonotonicInstant
    }

    private let bounds: InvariantBounds
    private var blocked: [ISPID: Blocked] = [:]
    private var live: Set<ISPID> = []
    /// Their agents crashed: nobody knows that they are over before the agent is up again.
    private var orphaned: Set<ISPID> = []
    private var networkIsClean = true

    package init(_ bounds: InvariantBounds) {
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .told(_, .ispStarted(let key, _)):
            self.live.insert(key.isp)
        case .told(_, .waits(let isp, let others)):
            let hasEnded = others.contains { !self.live.contains($0) && !self.orphaned.contains($0) }
            self.blocked[isp] = Blocked(others: Set(others), due: hasEnded ? now : nil, since: now)
        case .told(_, .sweepsAgain(let isp, _)):
            self.blocked[isp] = nil
        case .told(_, .ispEnded(let summary)):
            self.blocked[summary.key.isp] = nil
            self.live.remove(summary.key.isp)
            self.begin([summary.key.isp], at: now)
        case .told(let node, .agentStarted):
            let over = self.orphaned.filter { $0.node == node }
            self.orphaned.subtract(over)
            self.begin(over, at: now)
        case .crashed(let node):
            let lost = self.live.filter { $0.node == node }
            self.live.subtract(lost)
            self.orphaned.formUnion(lost)
            for isp in lost { self.blocked[isp] = nil }
            self.disturb(at: now)
        case .paused, .resumed:
            self.disturb(at: now)
        case .network(let isClean):
            self.networkIsClean = isClean
            self.disturb(at: now)
        case .tick:
            return self.blocked.sorted { $0.key < $1.key }.compactMap { self.check($0.key, $0.value, at: now) }
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .sees, .queues:
            break
        }
        return []
    }

    private mutating func begin(_ over: Set<ISPID>, at now: MonotonicInstant) {
        for (isp, blocked) in self.blocked where blocked.due == nil && !blocked.others.isDisjoint(with: over) {
            self.blocked[isp]?.due = now
        }
    }

    private mutating func disturb(at now: MonotonicInstant) {
        for isp in self.blocked.keys {
            self.blocked[isp]?.since = now
            if self.blocked[isp]?.due != nil { self.blocked[isp]?.due = now }
        }
    }

    private func check(_ isp: ISPID, _ blocked: Blocked, at now: MonotonicInstant) -> Breach? {
        let timings = self.bounds.timings
        let round = timings.waitPoll + timings.requestTimeout * (blocked.others.count + 1)
        // Whatever the others do, it does not wait for longer than this.
        if now - blocked.since > timings.blockedWait + timings.resweepDelayMax + round * 2 {
            return Breach(.blockedGoesOn, node: isp.node, isp: isp, "is blocked for longer than it may wait")
        }
        // An ISP is over for those who wait when its releases are answered or given up.
        let soon = self.bounds.leaseMax + round * 2 + timings.resweepDelayMax
        guard self.networkIsClean, let due = blocked.due, now - due > soon else { return nil }
        return Breach(
            .blockedGoesOn, node: isp.node, isp: isp,
            "is blocked \((now - due).inSeconds) s after one of \(blocked.others.sorted()) ended")
    }
}
