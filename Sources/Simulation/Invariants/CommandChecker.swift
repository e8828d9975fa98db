package import Basis
import ClusterActors

/// P2: no command is obeyed under a token that is not the node's current one; a grant whose lease has run out is none.
/// An action is carried out at most once.
package struct CommandChecker: InvariantChecker {
    private struct Begun: Hashable {
        var action: ActionID
        var direction: Reservation.Direction
    }

    private let bounds: InvariantBounds
    private var book = GrantBook()
    private var orders: [ActionID: MigrateOrder] = [:]
    private var invitations: [ActionID: IncomingOrder] = [:]
    private var begun: Set<Begun> = []
    private var flights: [NodeID: Set<ActionID>] = [:]
    /// When the last copy of a request arrived. All that are kept here are answered in the turn that takes them up.
    private var arrivals: [Exchange: MonotonicInstant] = [:]
    /// The latest instant at which the lease of the node's present grant can have begun.
    private var leaseBegan: [NodeID: MonotonicInstant] = [:]

    package init(_ bounds: InvariantBounds) {
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        var breaches: [Breach] = []
        self.book.take(fact, at: now)
        switch fact {
        case .told(let node, .nodeGranted):
            self.leaseBegan[node] = now
        case .told(let node, .flightBegan(let action, _, let direction, _)):
            breaches = self.checkBeginning(of: action, direction, at: node, now)
            self.flights[node, default: []].insert(action)
        case .told(let node, .flightEnded(let action, _, _, _)):
            self.flights[node]?.remove(action)
            self.leaseBegan[node] = now
        case .crashed(let node):
            self.flights[node] = nil
        case .requestArrived(let exchange, .migrate(let order)):
            breaches = Self.checkRepetition(of: self.orders[order.action], order, from: exchange.asker)
            self.orders[order.action] = order
        case .requestArrived(_, .incoming(let order)):
            self.invitations[order.action] = order
        case .requestArrived(let exchange, .renew), .requestArrived(let exchange, .reserve):
            self.arrivals[exchange] = now
        case .replySent(let exchange, .renew(let token, _, _), .renew(.renewed)):
            breaches = self.checkAnswer(exchange, "renewed", token, now)
        case .replySent(let exchange, .reserve(let isp, _, _), .reserve(.granted(let grant))):
            breaches = self.checkAnswer(exchange, "granted", Token(isp: isp, epoch: grant.epoch), now)
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .paused, .resumed, .network,
            .sees, .queues, .tick:
            break
        }
        return breaches
    }

    private mutating func checkBeginning(
        of action: ActionID, _ direction: Reservation.Direction, at node: NodeID, _ now: MonotonicInstant
    ) -> [Breach] {
        func breach(_ what: String) -> [Breach] {
            [Breach(.currentToken, node: node, isp: action.isp, "\(action) begins, \(direction): \(what)")]
        }
        guard self.begun.insert(Begun(action: action, direction: direction)).inserted else {
            return breach("it was begun before")
        }
        guard let holder = self.book.holder(of: node) else { return breach("nobody holds the node") }
        guard holder.isp == action.isp else { return breach("\(holder.isp) holds the node") }
        let named = direction == .outgoing ? self.orders[action]?.token : self.invitations[action]?.token
        if let named, named != holder {
            return breach("epoch \(named.epoch) was named, \(holder.epoch) is the node's")
        }
        if named == nil, direction == .incoming || action.isp.node != node { return breach("nobody has ordered it") }
        if self.hasLapsed(node, holder, by: now) { return breach("the lease of epoch \(holder.epoch) has run out") }
        return []
    }

    private static func checkRepetition(
        of earlier: MigrateOrder?, _ order: MigrateOrder, from node: NodeID
    ) -> [Breach] {
        guard let earlier, earlier != order else { return [] }
        let what = "\(order.action) is ordered again with other content"
        return [Breach(.currentToken, node: node, isp: order.token.isp, what)]
    }

    private mutating func checkAnswer(
        _ exchange: Exchange, _ answer: String, _ token: Token, _ now: MonotonicInstant
    ) -> [Breach] {
        let node = exchange.asked
        let arrival = self.arrivals[exchange] ?? now
        guard self.book.held(token, at: node, since: arrival) else {
            return [Breach(.currentToken, node: node, isp: token.isp, "\(answer) epoch \(token.epoch), not the node's")]
        }
        guard self.book.holder(of: node) == token else { return [] }
        defer { self.leaseBegan[node] = now }
        guard self.hasLapsed(node, token, by: arrival) else { return [] }
        return [
            Breach(
                .currentToken, node: node, isp: token.isp, "\(answer) epoch \(token.epoch), whose lease had run out")
        ]
    }

    /// Whether the lease has ended by any clock. Flights, and the node's own ISP, have no deadline.
    private func hasLapsed(_ node: NodeID, _ token: Token, by instant: MonotonicInstant) -> Bool {
        guard token.isp.node != node, self.flights[node, default: []].isEmpty,
            let began = self.leaseBegan[node]
        else { return false }
        return instant >= began + self.bounds.leaseMax
    }
}
