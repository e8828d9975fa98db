import Basis
import ClusterActors
import Placement
import Simulation
import Testing

@Suite("An agent that leaves the ring")
struct LeavingTests {
    @Test("goes on watching its load, although it left while its ISP ran", arguments: Seeds.chosen(1...5))
    func leavesDuringISP(seed: UInt64) async throws {
        _ = try await World.run(seed: seed) { world in
            let ring = try await RingWorld(world, nodes: 3)
            try await ring.startAll(["n1": [1_500, 1_500, 900]])
            while try await ring.status("n1").ownISP == nil { try await ring.sleep(.milliseconds(100)) }
            try await ring.ask("n1") { await $0.leave(grace: .seconds(10)) }
            #expect(try await ring.status("n1").isLeaving && ring.outcomes == [.cancelled], "\(ring.story)")

            // What was cancelled is not forgotten: back in the ring, the node sees that it is still overloaded.
            _ = try await ring.ask("n1") { await $0.join(seed: RingWorld.describe("n2")) }
            try await ring.sleep(.seconds(60))
            #expect(ring.outcomes.last == .solved, "\(ring.story)")
            #expect(try await ring.load("n1") <= 3_200, "\(ring.story)")
        }
    }
}
