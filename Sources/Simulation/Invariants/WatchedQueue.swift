package import Basis
package import ClusterActors

/// A queue whose size is watched: of an agent, or of its transport.
package enum WatchedQueue: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Requests of the node to one other that are under way.
    case requestsToOnePeer
    /// Requests of others that the node has taken in and not answered.
    case requestsServed
    case agent(AgentQueue)

    package static let allCases = [.requestsToOnePeer, .requestsServed] + AgentQueue.allCases.map(Self.agent)

    package var description: String {
        switch self {
        case .requestsToOnePeer: "requests to one peer"
        case .requestsServed: "requests being answered"
        case .agent(let queue): queue.rawValue
        }
    }
}

extension RingWorld {
    /// How much is in each queue of a node that is not empty at this instant; nil while its process stands still or is
    /// down, for then it is the network that keeps what comes.
    ///
    /// Looked at from outside, between two jobs: no job is run for it, so that what is watched happens as it would
    /// unwatched. Not to be called from within a process.
    package func queueSizes(of node: NodeID) -> [WatchedQueue: Int]? {
        guard let member = self.members[node], member.process.state == .running,
            let transport = self.network.port(of: node)?.transport
        else { return nil }
        var sizes: [WatchedQueue: Int] = [:]
        if transport.requestsToOnePeerMost > 0 { sizes[.requestsToOnePeer] = transport.requestsToOnePeerMost }
        if transport.requestsServed > 0 { sizes[.requestsServed] = transport.requestsServed }
        member.process.execute {
            for (queue, size) in member.agent.queueSizes() ?? [:] { sizes[.agent(queue)] = size }
        }
        return sizes
    }
}
