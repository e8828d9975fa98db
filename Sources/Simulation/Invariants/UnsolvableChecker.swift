package import Basis
import ClusterActors

/// P11: "unsolvable" is said only if no node was skipped in that sweep because another ISP held it.
package struct UnsolvableChecker: InvariantChecker {
    private struct Ask {
        var exchange: Exchange
        var sentAt: MonotonicInstant
    }

    private let bounds: InvariantBounds
    private var asks: [ISPID: Ask] = [:]
    private var skipped: [ISPID: [NodeID: ISPID]] = [:]
    private var paused: Set<NodeID> = []

    package init(_ bounds: InvariantBounds) {
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .paused(let node):
            self.paused.insert(node)
        case .resumed(let node), .crashed(let node):
            self.paused.remove(node)
        case .told(_, .sweepsAgain(let isp, _)):
            self.skipped[isp] = nil
        case .requestSent(let exchange, .reserve(let isp, _, _)):
            self.asks[isp] = Ask(exchange: exchange, sentAt: now)
        case .replyArrived(let exchange, .reserve(let isp, _, _), .reserve(.held(let holder, _))):
            if holder != isp, self.isHeard(exchange, by: isp, at: now) {
                self.skipped[isp, default: [:]][exchange.asked] = holder
            }
        case .told(let node, .ispEnded(let summary)):
            let isp = summary.key.isp
            defer {
                self.asks[isp] = nil
                self.skipped[isp] = nil
            }
            guard case .unsolvable = summary.outcome, let skipped = self.skipped[isp], !skipped.isEmpty else {
                return []
            }
            let names = skipped.sorted { $0.key < $1.key }.map { "\($0.key) for \($0.value)" }
            return [
                Breach(
                    .unsolvable, node: node, isp: isp,
                    "says unsolvable and skipped \(names.joined(separator: ", "))")
            ]
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .network, .sees, .queues, .tick:
            break
        }
        return []
    }

    /// Whether the initiator surely took the answer up: it was waiting for just this one, and its time was not over by
    /// any clock.
    private func isHeard(_ exchange: Exchange, by isp: ISPID, at now: MonotonicInstant) -> Bool {
        guard let ask = self.asks[isp], ask.exchange == exchange, !self.paused.contains(isp.node) else { return false }
        let timeout = self.bounds.timings.requestTimeout
        return now - ask.sentAt < timeout - timeout * (2 * self.bounds.timings.clockDriftPartsPerMillion) / 1_000_000
    }
}
