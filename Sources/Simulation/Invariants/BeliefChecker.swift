package import Basis
import ClusterActors

/// P4: as long as no lease of a live ISP lapsed, no two executing ISPs count the same node as a member; and an ISP does
/// not go on counting on what it has itself given back.
package struct BeliefChecker: InvariantChecker {
    private struct Believer {
        var members: Set<NodeID>
        var isExecuting = false
        /// When it gave back each grant that it gave back. Epochs of two nodes may look alike.
        var released: [NodeID: [Epoch: MonotonicInstant]] = [:]
    }

    private var book = GrantBook()
    private var believers: [ISPID: Believer] = [:]

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        self.book.take(fact, at: now)
        switch fact {
        case .told(_, .ispStarted(let key, _)):
            self.believers[key.isp] = Believer(members: [key.isp.node])
        case .told(_, .granted(let isp, let node, _)):
            self.believers[isp]?.members.insert(node)
        case .told(_, .memberLost(let isp, let node, _)):
            self.believers[isp]?.members.remove(node)
        case .told(_, .confirmed(let isp, _, let surplus)):
            self.believers[isp]?.members.subtract(surplus)
            self.believers[isp]?.isExecuting = true
            return self.checkAll(of: isp)
        case .told(_, .asked(let isp, _)), .told(_, .solved(let isp, _, _, _, _)), .told(_, .waits(let isp, _)):
            self.believers[isp]?.isExecuting = false
        case .told(_, .ispEnded(let summary)):
            self.believers[summary.key.isp] = nil
        case .crashed(let node):
            for isp in self.believers.keys where isp.node == node { self.believers[isp] = nil }
        case .told(let node, .nodeGranted(let token)):
            return self.believers.keys.filter { $0 != token.isp }.sorted().flatMap { self.check(node, of: $0) }
        case .requestSent(let exchange, .release(let token)) where exchange.asker == token.isp.node:
            self.believers[token.isp]?.members.remove(exchange.asked)
            let node = exchange.asked
            if self.believers[token.isp]?.released[node]?[token.epoch] == nil {
                self.believers[token.isp]?.released[node, default: [:]][token.epoch] = now
            }
        case .requestSent(let exchange, .renew(let token, _, _)):
            guard let since = self.believers[token.isp]?.released[exchange.asked]?[token.epoch], since < now else {
                return []
            }
            return [
                Breach(
                    .belief, node: exchange.asked, isp: token.isp,
                    "renews epoch \(token.epoch), which it gave back \((now - since).inMilliseconds) ms before")
            ]
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .paused, .resumed, .network,
            .sees, .queues, .tick:
            break
        }
        return []
    }

    private func checkAll(of isp: ISPID) -> [Breach] {
        self.believers[isp]?.members.sorted().flatMap { self.check($0, of: isp) } ?? []
    }

    /// Somebody else holds `node`, and `isp` counts on it: only a lapse excuses that.
    private func check(_ node: NodeID, of isp: ISPID) -> [Breach] {
        guard let believer = self.believers[isp], believer.isExecuting, believer.members.contains(node),
            let holder = self.book.holder(of: node), holder.isp != isp,
            self.book.lastGrant(of: node, to: isp)?.lapsed != true
        else { return [] }
        return [
            Breach(
                .belief, node: node, isp: isp,
                "executes and counts on \(node), which \(holder.isp) holds, although no lease has lapsed")
        ]
    }
}
