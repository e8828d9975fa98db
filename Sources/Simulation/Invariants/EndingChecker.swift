package import Basis
import ClusterActors

/// P7: every reservation ends within its flights and a lease after its ISP is over or its initiator dead.
///
/// The lease counts from the last request of that ISP that arrived, since a late one prolongs it, and what a paused
/// agent should have done counts from when it goes on.
package struct EndingChecker: InvariantChecker {
    private let bounds: InvariantBounds
    private var book = GrantBook()
    private var over: [ISPID: MonotonicInstant] = [:]
    private var live: Set<ISPID> = []
    private var prolonged: [NodeID: MonotonicInstant] = [:]
    private var flights: [NodeID: [ActionID: MonotonicInstant]] = [:]
    private var paused: Set<NodeID> = []

    package init(_ bounds: InvariantBounds) {
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        self.book.take(fact, at: now)
        switch fact {
        case .told(_, .ispStarted(let key, _)):
            self.live.insert(key.isp)
        case .told(_, .ispEnded(let summary)):
            self.end(summary.key.isp, at: now)
        case .told(let node, .nodeGranted):
            self.prolonged[node] = now
        case .told(let node, .flightBegan(let action, _, _, _)):
            self.flights[node, default: [:]][action] = now
        case .told(let node, .flightEnded(let action, _, _, _)):
            self.flights[node]?[action] = nil
            self.prolonged[node] = now
        case .crashed(let node):
            for isp in self.live.filter({ $0.node == node }) { self.end(isp, at: now) }
            self.flights[node] = nil
            self.paused.remove(node)
        case .paused(let node):
            self.paused.insert(node)
        case .resumed(let node):
            self.paused.remove(node)
            self.prolonged[node] = now
        case .requestArrived(let exchange, .reserve(let isp, _, _)):
            self.prolong(exchange.asked, isp, at: now)
        case .requestArrived(let exchange, .renew(let token, _, _)):
            self.prolong(exchange.asked, token.isp, at: now)
        case .tick:
            return self.book.current.keys.sorted().compactMap { self.checkEnd(of: $0, at: now) }
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .network, .sees, .queues:
            break
        }
        return []
    }

    private mutating func end(_ isp: ISPID, at now: MonotonicInstant) {
        self.live.remove(isp)
        self.over[isp] = now
    }

    private mutating func prolong(_ node: NodeID, _ isp: ISPID, at now: MonotonicInstant) {
        if self.book.holder(of: node)?.isp == isp { self.prolonged[node] = now }
    }

    private func checkEnd(of node: NodeID, at now: MonotonicInstant) -> Breach? {
        guard !self.paused.contains(node), let token = self.book.holder(of: node), let over = self.over[token.isp],
            self.flights[node, default: [:]].isEmpty
        else { return nil }
        let began = max(over, self.prolonged[node] ?? over)
        guard now - began > self.bounds.leaseMax + self.bounds.noticeMax else { return nil }
        let late = (now - began).inSeconds
        return Breach(
            .reservationEnds, node: node, isp: token.isp,
            "epoch \(token.epoch) stands \(late) s after its ISP, its flights and the last request for it")
    }

    package mutating func conclude(at now: MonotonicInstant) -> [Breach] {
        self.flights.sorted { $0.key < $1.key }.flatMap { node, flights in
            flights.sorted { $0.key < $1.key }.compactMap { action, began in
                guard now - began > self.bounds.flightMax else { return nil }
                return Breach(
                    .reservationEnds, node: node, isp: action.isp,
                    "a flight of \(action) has lasted for \((now - began).inSeconds) s")
            }
        }
    }
}
