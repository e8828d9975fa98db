import Basis
import ClusterActors
import Placement
import Simulation
import Testing

/// Goal: whatever happens to agents and messages, no guest runs twice or is lost, every node is free again, and the
/// overloads are solved. Method: a time of faults drawn from the seed, then a calm one that must end well.
@Suite("A ring of agents under faults")
struct FaultTests {
    static let faultTime = 60
    static let calm = Duration.seconds(300)

    /// Crashes and restarts, or pauses, agents at random; their hypervisors go on.
    func disturb(_ ring: RingWorld, using generator: inout SplitMix64) async throws {
        for _ in 1...Self.faultTime {
            try await ring.sleep(.seconds(1))
            guard Int.random(in: 0..<6, using: &generator) == 0,
                let node = ring.nodes.randomElement(using: &generator)
            else { continue }
            if Bool.random(using: &generator) {
                ring.members[node]?.process.pause(for: .seconds(Int64.random(in: 1...20, using: &generator)))
            } else {
                ring.members[node]?.process.crash()
                try await ring.sleep(.milliseconds(Int64.random(in: 1...5_000, using: &generator)))
                try await ring.start(node)
            }
        }
    }

    @Test("keeps every guest running exactly once and lets every node go", arguments: Seeds.chosen(1...20))
    func crashesPausesAndLoss(seed: UInt64) async throws {
        _ = try await World.run(seed: seed) { world in
            var generator = world.makeGenerator()
            let quality = LinkQuality(
                lossPerMillion: 20_000, duplicationPerMillion: 20_000, delayPerMillion: 20_000, delayMax: .seconds(3))
            let ring = try await RingWorld(world, nodes: 8, quality: quality)
            try await ring.startAll([
                "n1": [1_500, 1_500, 900], "n2": [1_400, 1_300, 900], "n5": [2_000, 1_900],
            ])
            try await self.disturb(ring, using: &generator)
            ring.network.defaultQuality = .local
            for node in ring.nodes { ring.members[node]?.process.resume() }
            try await ring.sleep(Self.calm)
            try await self.checkCalm(ring, seed: seed)
        }
    }

    private func checkCalm(_ ring: RingWorld, seed: UInt64) async throws {
        let places = try await ring.runningPlaces()
        let story = ring.story.suffix(60).joined(separator: "\n")
        #expect(places.count == 18, "seed \(seed): \(places)\n\(story)")
        #expect(places.values.allSatisfy { $0.count == 1 }, "seed \(seed): \(places)\n\(story)")
        for node in ring.nodes {
            let status = try await ring.status(node)
            #expect(
                status.reservation == "free",
                "seed \(seed): \(node) is held by \(String(describing: status.holder))\n\(story)")
            #expect(status.guestsInDoubt.isEmpty, "seed \(seed): \(status.guestsInDoubt)\n\(story)")
            #expect(try await ring.load(node) <= 3_200, "seed \(seed): \(node) is overloaded\n\(story)")
        }
    }
}
