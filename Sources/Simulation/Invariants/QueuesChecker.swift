package import Basis
import ClusterActors

/// P14: no queue of an agent or of its transport grows beyond the bound that `docs/protocol.md` states under "Queues".
package struct QueuesChecker: InvariantChecker {
    /// Under way to one peer at once: a reservation and its repetition, a renewal by the clock and one to confirm, a
    /// release and one of a grant that came late, questions about two flights each way, an exchange, a probe, waits.
    package static let requestsToOnePeerMax = 16
    /// Of what one peer asks, so much may have to wait for the hypervisor, the disk or a third node.
    package static let requestsServedPerPeerMax = 4
    /// Grants of one node that are being given back at once: one that its ISP had, and one that came late.
    package static let releasesPerNodeMax = 2
    /// A node asks one after the other; an ISP that ends leaves one question behind.
    package static let awaitedReservesMax = 2
    /// Work is taken as soon as the agent has a turn, so none is left when time passes.
    package static let workMax = 0
    /// A node that ends an ISP starts no other.
    package static let finishingMax = 1
    /// Guests in doubt are here or were: more than a host of a campaign has.
    package static let doubtsMax = 32
    /// Times the guests that may arrive at once: while as many tickets wait for the hypervisor no guest is let in, and
    /// those that were let in before leave one each.
    package static let ticketsPerArrivalMax = 2
    /// While a journal refuses, no flight begins: those that were under way, and what they pushed out, is left.
    package static let unforgottenMax = 16

    private let nodes: Int
    private let bounds: InvariantBounds
    private let membership = MembershipSettings()
    /// What was objected to already: a queue that grows is told once.
    private var told: [NodeID: Set<WatchedQueue>] = [:]

    /// - Parameter nodes: of the ring.
    package init(nodes: Int, _ bounds: InvariantBounds) {
        self.nodes = nodes
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        guard case .queues(let node, let sizes) = fact else { return [] }
        let grown = sizes.filter { $0.value > self.most(of: $0.key) }
        // In an order of their own: a dictionary has none that two runs agree on.
        return WatchedQueue.allCases.compactMap { queue in
            guard let size = grown[queue], self.told[node, default: []].insert(queue).inserted else { return nil }
            return Breach(.queuesBounded, node: node, "\(size) \(queue), promised are at most \(self.most(of: queue))")
        }
    }

    /// The most that may be in `queue`.
    package func most(of queue: WatchedQueue) -> Int {
        switch queue {
        case .requestsToOnePeer: Self.requestsToOnePeerMax
        case .requestsServed: Self.requestsServedPerPeerMax * self.nodes + self.membership.relaysMax
        case .agent(let queue): self.most(of: queue)
        }
    }

    private func most(of queue: AgentQueue) -> Int {
        switch queue {
        case .heldGrants, .waiters, .gossip, .suspicions, .deadMembers: self.nodes
        case .awaitedReserves: Self.awaitedReservesMax
        case .openReleases: Self.releasesPerNodeMax * self.nodes
        case .finishingISPs: Self.finishingMax
        case .work: Self.workMax
        case .recommendations: TriggerClass.allCases.count
        case .outgoingFlights: self.bounds.outgoingMax
        case .incomingFlights: self.bounds.incomingMax
        case .handovers:
            HandoverRecord.settledMax + self.bounds.incomingMax + self.bounds.outgoingMax + Self.doubtsMax
        case .doubts: Self.doubtsMax
        case .ticketsToVoid: Self.ticketsPerArrivalMax * self.bounds.incomingMax
        case .unforgotten: Self.unforgottenMax
        case .membershipRequests:
            1 + self.membership.indirectProbes + self.membership.relaysMax + self.membership.exchangesMax
                + self.membership.goodbyes
        case .relays: self.membership.relaysMax
        case .hints: self.membership.hintsMax
        }
    }
}
