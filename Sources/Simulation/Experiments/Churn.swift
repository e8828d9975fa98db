import Basis
import ClusterActors

/// Agents come and go: now and then one crashes or says goodbye, and starts again later. Its guests stay where they are.
/// Source: the crash injector of VMPlaceS; there hosts only crash.
package struct Churn: Hashable, Sendable {
    /// How long an agent is up on average.
    package var uptime = Duration.seconds(1_800)
    /// How long it is away.
    package var downtime = Duration.seconds(300)

    package init() {}

    /// How long a departing agent takes at most to end in good order.
    private static let goodbyeMax = Duration.seconds(20)

    /// Until it is cancelled.
    func run(_ ring: RingWorld, using generator: inout SplitMix64) async throws {
        var generator = generator.split()
        try await withThrowingTaskGroup(of: Void.self) { group in
            while true {
                try await ring.sleep(generator.drawGap(mean: self.uptime / ring.nodes.count))
                let node = ring.nodes[Int.random(in: 0..<ring.nodes.count, using: &generator)]
                let saysGoodbye = Bool.random(using: &generator)
                guard ring.members[node]?.process.state == .running else { continue }
                group.addTask {
                    try await Self.end(node, in: ring, saysGoodbye: saysGoodbye)
                    try await ring.sleep(self.downtime)
                    try await ring.start(node)
                }
            }
        }
    }

    private static func end(_ node: NodeID, in ring: RingWorld, saysGoodbye: Bool) async throws {
        if saysGoodbye { try await ring.ask(node) { await $0.stop(grace: Self.goodbyeMax) } }
        ring.members[node]?.process.crash()
    }
}
