import OrderedCollections
import Transport

/// What an agent keeps until something else happens. None of them may grow for as long as the agent lives.
package enum AgentQueue: String, Hashable, Sendable, CaseIterable {
    // Of the ISP that it runs, or ran last.
    case heldGrants = "grants held by its ISP"
    case awaitedReserves = "nodes whose grant is awaited"
    case openReleases = "releases not answered yet"
    case finishingISPs = "ISPs that are being ended"
    case waiters = "nodes that wait for its ISP"
    case recommendations = "plans that wait for the operator"
    // Of guests that come and go.
    case outgoingFlights = "guests on their way out"
    case incomingFlights = "guests on their way in"
    case handovers = "handovers that may be asked about"
    case doubts = "guests in doubt"
    case ticketsToVoid = "tickets to be voided"
    case unforgotten = "handovers to be struck from the journal"
    case work = "work that waits for a task"
    // Of its membership.
    case membershipRequests = "membership's requests under way"
    case relays = "probes made for others"
    case gossip = "facts to be passed on"
    case suspicions = "suspicions"
    case hints = "hints of silence"
    case deadMembers = "members that are dead or have left"
}

extension NodeAgent {
    /// How much each queue holds at this moment that is not empty; nil when the caller is not on the agent's executor.
    package nonisolated func queueSizes() -> [AgentQueue: Int]? {
        self.ifIsolated(on: self.ports.executor, ()) { agent, _ in
            var sizes: [AgentQueue: Int] = [:]
            for queue in AgentQueue.allCases {
                let size = agent.size(of: queue)
                if size > 0 { sizes[queue] = size }
            }
            return sizes
        }
    }

    private func size(of queue: AgentQueue) -> Int {
        switch queue {
        case .heldGrants: self.ownISP?.procedure.partition.members.count ?? 0
        case .awaitedReserves: self.awaitedReserves.count
        case .openReleases: self.openReleases
        case .finishingISPs: self.finishing.count
        case .waiters: self.waiters.values.reduce(0) { $0 + $1.count }
        case .recommendations: self.recommendations.count
        case .outgoingFlights: self.outgoing.count
        case .incomingFlights: self.incoming.count
        case .handovers: self.handovers.count
        case .doubts: self.inDoubt.count
        case .ticketsToVoid: self.ticketsToVoid.count
        case .unforgotten: self.unforgotten.count
        case .work: self.work.count
        case .membershipRequests: self.membership.requests.count
        case .relays: self.relays.count
        case .gossip: self.membership.gossip.count
        case .suspicions: self.membership.suspicions.count
        case .hints: self.membership.hints.count
        case .deadMembers: self.deadSince.count
        }
    }
}
