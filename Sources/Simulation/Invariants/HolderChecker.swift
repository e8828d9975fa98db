package import Basis
import ClusterActors
import Hypervisor
import Placement

/// P1: one holder a node, and data flow only under a flight that is open on both ends, under the epochs it named.
///
/// A node whose agent is down, or up again and still recovering, cannot be held; what flows there was begun before.
package struct HolderChecker: InvariantChecker {
    /// A ticket of a destination, as the hypervisors know it.
    private struct WayKey: Hashable {
        var destination: NodeID
        var vm: VMID
        var source: NodeID
        var number: UInt64
    }

    private struct Way {
        var action: ActionID
        var token: Token
    }

    private var book = GrantBook()
    private var flights: [NodeID: [ActionID: Reservation.Direction]] = [:]
    /// Nodes whose agents have recovered in their present boot.
    private var recovered: Set<NodeID> = []
    private var ways: [WayKey: Way] = [:]
    private var orders: [ActionID: MigrateOrder] = [:]
    private var flows: [NodeID: [ModelledFlow]] = [:]
    private var tickets: [NodeID: [MigrationTicket]] = [:]
    /// Tickets that were there already when the node's agent was last seen to crash: nobody knows them any more.
    private var orphaned: [NodeID: Set<MigrationTicket>] = [:]

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        var breaches = self.checkTransition(fact)
        self.book.take(fact, at: now)
        switch fact {
        case .told(let node, .flightBegan(let action, _, let direction, _)):
            self.flights[node, default: [:]][action] = direction
        case .told(let node, .flightEnded(let action, _, _, _)):
            self.flights[node]?[action] = nil
        case .told(let node, .recovered):
            self.recovered.insert(node)
        case .crashed(let node):
            self.recovered.remove(node)
            self.flights[node] = nil
            self.orphaned[node, default: []].formUnion(self.tickets[node, default: []])
        case .requestArrived(_, .migrate(let order)):
            self.orders[order.action] = order
            return []
        case .replySent(let exchange, .incoming(let order), .incoming(.ready(let ticket, _))):
            let key = WayKey(destination: exchange.asked, vm: order.vm, source: order.source, number: ticket)
            self.ways[key] = Way(action: order.action, token: order.token)
            return []
        case .hosts(let views):
            for view in views {
                self.flows[view.node] = view.flows.isEmpty ? nil : view.flows
                self.tickets[view.node] = view.tickets
            }
        case .told(_, .nodeGranted), .told(_, .nodeEnded):
            break
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .paused, .resumed, .network, .sees,
            .queues, .tick:
            return breaches
        }
        for source in self.flows.keys.sorted() {
            for flow in self.flows[source, default: []] { breaches += self.check(flow) }
        }
        return breaches
    }

    /// A ticket is the right to flow in: none outlives its flight.
    package mutating func conclude(at now: MonotonicInstant) -> [Breach] {
        self.tickets.sorted { $0.key < $1.key }.compactMap { node, tickets in
            let left = tickets.filter { !self.orphaned[node, default: []].contains($0) }
            guard !left.isEmpty, self.flights[node, default: [:]].isEmpty else { return nil }
            let names = left.map { "\($0.number) for \($0.vm)" }.joined(separator: ", ")
            return Breach(.oneHolder, node: node, "tickets are left of flights that have ended: \(names)")
        }
    }

    private func checkTransition(_ fact: Fact) -> [Breach] {
        switch fact {
        case .told(let node, .nodeGranted(let token)):
            guard let holder = self.book.holder(of: node) else { return [] }
            return [
                Breach(
                    .oneHolder, node: node, isp: token.isp,
                    "granted under epoch \(token.epoch) while \(holder.isp) holds it under \(holder.epoch)")
            ]
        case .told(let node, .nodeEnded(let token, _)):
            guard self.book.holder(of: node) != token else { return [] }
            let what = "a grant ended, epoch \(token.epoch), that did not stand"
            return [Breach(.oneHolder, node: node, isp: token.isp, what)]
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .crashed, .paused, .resumed,
            .network, .sees, .queues, .tick:
            return []
        }
    }

    private func check(_ flow: ModelledFlow) -> [Breach] {
        let key = WayKey(
            destination: flow.destination, vm: flow.ticket.vm, source: flow.source, number: flow.ticket.number)
        let words = "data of \(flow.ticket.vm) flow from \(flow.source) to \(flow.destination)"
        guard let way = self.ways[key] else {
            return [Breach(.oneHolder, node: flow.destination, "\(words) without an invitation that was taken")]
        }
        return [(flow.source, Reservation.Direction.outgoing), (flow.destination, .incoming)].compactMap { node, end in
            guard self.recovered.contains(node), let fault = self.fault(at: node, end, of: way) else { return nil }
            return Breach(.oneHolder, node: node, isp: way.action.isp, "\(words) while \(node) \(fault)")
        }
    }

    /// Why data of this action may not flow at this end; nil when they may.
    private func fault(at node: NodeID, _ direction: Reservation.Direction, of way: Way) -> String? {
        guard self.flights[node]?[way.action] == direction else { return "has no \(direction) flight of \(way.action)" }
        guard let holder = self.book.holder(of: node), holder.isp == way.action.isp else {
            return "is not held by \(way.action.isp)"
        }
        let named = direction == .incoming ? way.token.epoch : self.orders[way.action]?.token.epoch
        // An ISP's own node is ordered without a message; its grant is the only one it can have.
        guard let named, named != holder.epoch else { return nil }
        return "is held under epoch \(holder.epoch), not under \(named), which the order named"
    }
}
