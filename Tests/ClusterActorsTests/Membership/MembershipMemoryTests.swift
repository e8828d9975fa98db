import Basis
import ClusterActors
import Testing

/// Measured by what the whole process has allocated: `make test` runs these alone.
@Suite("What membership costs in memory", .serialized)
struct MembershipMemoryTests {
    @Test("costs a further agent at most 1 KiB in a ring of 100,000, with eight members down or joined")
    func memory() throws {
        let config = try largeRing()
        let bytes = try Self.bytesEach { index in
            var view = MembershipView(config: config)
            for down in 0..<6 {
                let member = config.members[(index * 7 + down * 999) % 100_000]
                _ = view.apply(MemberUpdate(member: member, state: .dead, incarnation: 0))
            }
            for late in ["late-1", "late-2"] as [NodeID] {
                let member = MemberDescription(id: late, address: "\(late):7400", site: "s", rack: "r")
                _ = view.apply(MemberUpdate(member: member, state: .alive, incarnation: 0))
            }
            return view
        }
        #expect(bytes <= 1_024)
        // Else the measurement would have missed what a view allocates.
        #expect(bytes > MemoryLayout<MembershipView>.stride + 200)
    }

    @Test("costs at most 1 KiB with the machine around it, while nothing happens in a ring of 100,000")
    func memoryOfMachine() throws {
        let config = try largeRing()
        let bytes = try Self.bytesEach { index in
            var rng = SplitMix64(seed: UInt64(index))
            return Membership(config: config, local: config.members[index], boot: 1, using: &rng)
        }
        #expect(bytes <= 1_024)
        // Else the measurement would have missed the machine itself.
        #expect(bytes >= MemoryLayout<Membership>.stride)
    }

    private func largeRing() throws -> RingConfig {
        try RingConfig(
            members: (0..<100_000).map { index in
                MemberDescription(
                    id: NodeID("node-\(index)")!, address: "node-\(index):7400", site: "site-\(index % 10)",
                    rack: "rack-\(index % 100)")
            })
    }

    /// What one of 2,000 values takes: the middle of five measurements.
    private static func bytesEach<Value>(_ make: (Int) -> Value) throws -> Int {
        let measurements = try (0..<5).map { _ in
            let before = try #require(allocatedBytes())
            let values = (0..<2_000).map(make)
            let after = try #require(allocatedBytes())
            return withExtendedLifetime(values) { (after - before) / values.count }
        }
        return measurements.sorted()[2]
    }
}
