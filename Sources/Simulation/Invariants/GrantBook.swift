import Basis
import ClusterActors

/// Who held which node when, by what the reserved nodes told and by their crashes.
struct GrantBook: Sendable {
    enum End: Hashable, Sendable {
        case ended(Reservation.Ending)
        /// The agent crashed, and its reservation with it.
        case crashed
    }

    struct Grant: Sendable {
        let token: Token
        let began: MonotonicInstant
        var end: (at: MonotonicInstant, how: End)?

        /// Whether the holder lost it without having let go.
        var lapsed: Bool { self.end?.how == .crashed || self.end?.how == .ended(.expired) }
    }

    /// How many ended grants of one node are remembered.
    private static let pastMax = 64

    private(set) var current: [NodeID: Grant] = [:]
    private var past: [NodeID: [Grant]] = [:]

    mutating func take(_ fact: Fact, at now: MonotonicInstant) {
        switch fact {
        case .told(let node, .nodeGranted(let token)):
            self.current[node] = Grant(token: token, began: now)
        case .told(let node, .nodeEnded(let token, let ending)):
            guard self.current[node]?.token == token else { return }
            self.end(node, .ended(ending), at: now)
        case .crashed(let node):
            self.end(node, .crashed, at: now)
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .paused, .resumed, .network,
            .sees, .queues, .tick:
            return
        }
    }

    private mutating func end(_ node: NodeID, _ how: End, at now: MonotonicInstant) {
        guard var grant = self.current.removeValue(forKey: node) else { return }
        grant.end = (now, how)
        self.past[node, default: []].append(grant)
        if self.past[node, default: []].count > Self.pastMax { self.past[node]?.removeFirst() }
    }

    func holder(of node: NodeID) -> Token? { self.current[node]?.token }

    /// Whether `token` was the node's current one at some instant from `since` on.
    func held(_ token: Token, at node: NodeID, since: MonotonicInstant) -> Bool {
        if self.current[node]?.token == token { return true }
        return self.past[node, default: []].contains { grant in
            grant.token == token && grant.end.map { $0.at >= since } ?? false
        }
    }

    /// The last grant of `node` to `isp`, whether it lasts or not.
    func lastGrant(of node: NodeID, to isp: ISPID) -> Grant? {
        if let grant = self.current[node], grant.token.isp == isp { return grant }
        return self.past[node, default: []].last { $0.token.isp == isp }
    }
}
