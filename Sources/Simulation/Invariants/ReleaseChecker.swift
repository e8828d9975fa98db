package import Basis
import ClusterActors

/// P3: a release ends only the grant that it names, and a repeated invitation opens nothing further.
package struct ReleaseChecker: InvariantChecker {
    private var released: [NodeID: Set<Token>] = [:]
    private var tickets: [ActionID: UInt64] = [:]

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .requestArrived(let exchange, .release(let token)):
            self.released[exchange.asked, default: []].insert(token)
        case .told(let node, .nodeEnded(let token, .released)):
            // The node's own ISP lets go without a message.
            guard token.isp.node != node, !self.released[node, default: []].contains(token) else { return [] }
            return [
                Breach(
                    .releaseNamesGrant, node: node, isp: token.isp,
                    "epoch \(token.epoch) ended as released, and no release named it")
            ]
        case .told(let node, .nodeEnded(let token, .ispOver)):
            guard token.isp.node != node else { return [] }
            return [
                Breach(
                    .releaseNamesGrant, node: node, isp: token.isp,
                    "epoch \(token.epoch) ended with a task that runs on \(token.isp.node)")
            ]
        case .replySent(let exchange, .incoming(let order), .incoming(.ready(let ticket, _))):
            let known = self.tickets.updateValue(ticket, forKey: order.action)
            guard let known, known != ticket else { return [] }
            return [
                Breach(
                    .releaseNamesGrant, node: exchange.asked, isp: order.token.isp,
                    "\(order.action) was let in with ticket \(known), and again with ticket \(ticket)")
            ]
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .crashed, .paused, .resumed,
            .network, .sees, .queues, .tick:
            break
        }
        return []
    }
}
