import Basis
import ClusterActors
import Simulation
import Testing

/// Goal: a queue that grows beyond its bound is seen, whichever it is. Method: made-up sizes for the checker; a real ring
/// for the look at queues.
@Suite("The checker of queues")
struct QueuesTests {
    private static let checker = QueuesChecker(nodes: Cast.ring.count, Cast.bounds)

    static let queues: [History] = WatchedQueue.allCases.flatMap { queue in
        let most = Self.checker.most(of: queue)
        return [
            History("\(queue): as many as promised", [Step(1, .queues("n1", [queue: most]))]),
            History(
                "\(queue): one more", breach: "\(most + 1) \(queue), promised are at most \(most)",
                [Step(1, .queues("n1", [queue: most])), Step(2, .queues("n1", [queue: most + 1]))]),
        ]
    }

    @Test("P14: no queue grows beyond its bound", arguments: Self.queues)
    func judges(history: History) {
        expect(history, of: .queuesBounded, from: Self.checker)
    }

    @Test("tells a queue that goes on growing once for each node")
    func tellsOnce() {
        let steps = (1...5).flatMap { second in
            ["n1", "n2"].map { Step(second, .queues($0, [.agent(.waiters): 4 + second])) }
        }
        #expect(History("", steps).judged(by: Self.checker).map(\.node) == ["n1", "n2"])
    }

    @Test("bounds what depends on the ring by its nodes, and all else by less than three hundred")
    func bounds() {
        let large = QueuesChecker(nodes: 1_000, Cast.bounds)
        let growing = WatchedQueue.allCases.filter { large.most(of: $0) != Self.checker.most(of: $0) }
        let byNodes: [AgentQueue] = [.heldGrants, .openReleases, .waiters, .gossip, .suspicions, .deadMembers]
        #expect(Set(growing) == Set([.requestsServed] + byNodes.map(WatchedQueue.agent)))
        #expect(growing.allSatisfy { large.most(of: $0) <= 4_064 })
        #expect(WatchedQueue.allCases.allSatisfy { Self.checker.most(of: $0) < 300 })
    }

    @Test("looks at the queues of a node that runs, and at none of one that does not")
    func looks() async throws {
        let outcome = try await World.run(seed: 1) { world in
            let ring = try await RingWorld(world, nodes: 4)
            try await ring.startAll(["n1": [2_000, 2_500]])
            var peaks: [WatchedQueue: Int] = [:]
            for _ in 0..<400 {
                try await ring.sleep(.milliseconds(50))
                let sizes = try #require(ring.queueSizes(of: "n1"))
                peaks.merge(sizes, uniquingKeysWith: max)
            }
            ring.members["n2"]?.process.pause()
            #expect(ring.queueSizes(of: "n2") == nil)
            ring.members["n3"]?.process.crash()
            #expect(ring.queueSizes(of: "n3") == nil)
            return peaks
        }
        // Its overload was repaired with another node, to which one guest went.
        #expect(outcome.value[.agent(.heldGrants), default: 0] >= 2)
        #expect(outcome.value[.agent(.outgoingFlights)] == 1)
        #expect(outcome.value[.agent(.handovers)] == 1)
        #expect(outcome.value[.agent(.incomingFlights), default: 0] == 0)
    }
}
