package import Basis
import ClusterActors

/// P6: an ISP yields only while it is blocked, and only to one with an earlier key, so that the first never yields.
package struct YieldChecker: InvariantChecker {
    private var keys: [ISPID: ISPKey] = [:]
    private var blocked: Set<ISPID> = []

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .told(_, .ispStarted(let key, _)):
            self.keys[key.isp] = key
        case .told(_, .waits(let isp, _)):
            self.blocked.insert(isp)
        case .told(_, .asked(let isp, _)), .told(_, .solved(let isp, _, _, _, _)), .told(_, .confirmed(let isp, _, _)):
            self.blocked.remove(isp)
        case .told(let node, .ispEnded(let summary)):
            guard case .yielded(let winner) = summary.outcome else { return [] }
            return self.checkYield(of: summary.key, to: winner, at: node)
        case .replySent(let exchange, .wait(_, let key, let asked, let holding), .wait(.yield)):
            guard holding else {
                return [
                    Breach(.firstKeyStays, node: exchange.asked, isp: key.isp, "is told to yield and holds nothing")
                ]
            }
            guard let other = self.keys[asked], !Self.isFirst(other, before: key) else { return [] }
            return [
                Breach(.firstKeyStays, node: exchange.asked, isp: key.isp, "is told to yield to \(asked), a later key")
            ]
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .crashed, .paused, .resumed,
            .network, .sees, .queues, .tick:
            break
        }
        return []
    }

    private func checkYield(of key: ISPKey, to winner: ISPID, at node: NodeID) -> [Breach] {
        guard let other = self.keys[winner] else {
            return [Breach(.firstKeyStays, node: node, isp: key.isp, "yields to \(winner), which never was")]
        }
        guard self.blocked.contains(key.isp) else {
            return [Breach(.firstKeyStays, node: node, isp: key.isp, "yields to \(winner) without being blocked")]
        }
        guard !Self.isFirst(other, before: key) else { return [] }
        return [Breach(.firstKeyStays, node: node, isp: key.isp, "yields to \(winner), which has a later key")]
    }

    /// The order of PROTOCOL.md §2, written anew: what is judged must not judge itself.
    private static func isFirst(_ one: ISPKey, before other: ISPKey) -> Bool {
        let ranks = [one, other].map { key in
            switch key.triggerClass {
            case .drain: 0
            case .brokenConstraint: 1
            case .overload: 2
            case .underload: 3
            }
        }
        if ranks[0] != ranks[1] { return ranks[0] < ranks[1] }
        if one.birth != other.birth { return one.birth < other.birth }
        if one.isp.node != other.isp.node { return one.isp.node < other.isp.node }
        if one.isp.boot != other.isp.boot { return one.isp.boot < other.isp.boot }
        return one.isp.sequence < other.isp.sequence
    }
}
