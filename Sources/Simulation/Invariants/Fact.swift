package import Basis
package import ClusterActors
package import Hypervisor

/// One thing that was seen from outside of the agents.
package enum Fact: Sendable {
    /// The agent of the node told it.
    case told(NodeID, AgentEvent)
    // Messages between two nodes; what an agent asks itself is not seen. Membership is left out.
    case requestSent(Exchange, Request)
    /// The receiver sees it in the same instant, or when it goes on if it is paused.
    case requestArrived(Exchange, Request)
    case replySent(Exchange, Request, Reply)
    case replyArrived(Exchange, Request, Reply)
    /// The hosts of which something changed, by the hypervisors' word.
    case hosts([ModelledHostView])
    // What was done to an agent.
    case crashed(NodeID)
    case paused(NodeID)
    case resumed(NodeID)
    /// The network was cut, mended, or made better or worse; clean when from now on no message is lost, doubled or held
    /// up.
    case network(isClean: Bool)
    /// So many nodes are alive in the view of the node's agent, in the end.
    case sees(NodeID, alive: Int)
    /// So much is in the queues of the node's agent and of its transport; comes each second in which its process runs.
    case queues(NodeID, [WatchedQueue: Int])
    /// Time passes: comes each second.
    case tick
}

/// Names one request between two nodes, with all its copies and replies.
package struct Exchange: Hashable, Sendable {
    package var asker: NodeID
    package var askerBoot: UInt64
    package var asked: NodeID
    /// The asker's count of requests.
    package var number: UInt64

    package init(asker: NodeID, askerBoot: UInt64, asked: NodeID, number: UInt64) {
        self.asker = asker
        self.askerBoot = askerBoot
        self.asked = asked
        self.number = number
    }
}

extension Fact {
    /// The nodes that it concerns; empty where it concerns all.
    var nodes: [NodeID] {
        switch self {
        case .told(let node, _), .crashed(let node), .paused(let node), .resumed(let node), .sees(let node, _),
            .queues(let node, _):
            [node]
        case .requestSent(let exchange, _), .requestArrived(let exchange, _), .replySent(let exchange, _, _),
            .replyArrived(let exchange, _, _):
            [exchange.asker, exchange.asked]
        case .hosts(let views): views.map(\.node)
        case .network, .tick: []
        }
    }
}

/// For reports, one line each.
extension Fact: CustomStringConvertible {
    package var description: String {
        switch self {
        case .told(let node, let event): "\(node) \(event.isp.map { "\($0) " } ?? "")\(event.text)"
        case .requestSent(let exchange, let request):
            "\(exchange.asker) → \(exchange.asked) asks \(exchange.number): \(request.brief)"
        case .requestArrived(let exchange, let request):
            "\(exchange.asked) ← \(exchange.asker) gets \(exchange.number): \(request.brief)"
        case .replySent(let exchange, _, let reply):
            "\(exchange.asked) → \(exchange.asker) answers \(exchange.number): \(reply.brief)"
        case .replyArrived(let exchange, _, let reply):
            "\(exchange.asker) ← \(exchange.asked) hears \(exchange.number): \(reply.brief)"
        case .hosts(let views): views.map(\.brief).joined(separator: "; ")
        case .crashed(let node): "\(node) crashes"
        case .paused(let node): "\(node) stands still"
        case .resumed(let node): "\(node) goes on"
        case .network(let isClean): isClean ? "the network is clean" : "the network is bad"
        case .sees(let node, let alive): "\(node) sees \(alive) nodes alive"
        case .queues(let node, let sizes):
            "\(node) has "
                + WatchedQueue.allCases.compactMap { queue in
                    sizes[queue, default: 0] > 0 ? "\(sizes[queue, default: 0]) \(queue)" : nil
                }.joined(separator: ", ")
        case .tick: "tick"
        }
    }
}

extension Request {
    fileprivate var brief: String {
        switch self {
        case .reserve(let isp, _, let hops): "reserve for \(isp), ask \(hops)"
        case .renew(let token, _, _): "renew \(token.isp) epoch \(token.epoch)"
        case .release(let token): "release \(token.isp) epoch \(token.epoch)"
        case .migrate(let order): "migrate \(order.action) \(order.vm) to \(order.destination)"
        case .actionDone(let action, let result): "action \(action) \(result.text)"
        case .incoming(let order): "incoming \(order.action) \(order.vm), epoch \(order.token.epoch)"
        case .handover(let action, let vm, let phase): "handover \(action) \(vm) \(phase)"
        case .wait(let isp, _, let other, true): "wait of \(isp) on \(other)"
        case .wait(let isp, _, let other, false): "wait of \(isp), which holds nothing, on \(other)"
        case .ended(let isp): "ended \(isp)"
        case .membership: "membership"
        }
    }
}

extension Reply {
    fileprivate var brief: String {
        switch self {
        case .reserve(.granted(let grant)): "granted under epoch \(grant.epoch)"
        case .reserve(let other): "\(other)"
        case .renew(.renewed): "renewed"
        case .renew(.stale): "stale"
        case .released, .migrate, .noted, .incoming, .handover, .wait, .membership, .stopping: "\(self)"
        }
    }
}

extension ModelledHostView {
    fileprivate var brief: String {
        let copies = self.copies.filter { $0.presence != .running }.map {
            "\($0.vm) \($0.presence)\($0.isWhole ? "" : " in part")"
        }
        return "host \(self.node): \(self.copies.count) domains \(copies.joined(separator: ", "))"
    }
}
