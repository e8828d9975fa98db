import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

/// Goal: a move back is refused by the guest's own node, also when the initiator knows of no ban, and it is counted.
/// Method: one node of a ring is played by the test, which reserves the others and orders the move itself.
@Suite("A move back")
struct ReturnRefusalTests {
    @Test("is refused at the source, with the reason, and counted; the ban travels to whoever reserves the node")
    func refused() async throws {
        _ = try await World.run(seed: 1) { world in
            var settings = AgentSettings()
            settings.migration.cooldown = .seconds(1)
            let ring = try await RingWorld(world, nodes: 3, settings: settings)
            for (node, demands) in [("n1", [1_500, 1_500, 900]), ("n2", [500])] as [(NodeID, [Int])] {
                try await ring.addHost(node, demands: demands)
                try await ring.start(node)
            }
            try await ring.sleep(.seconds(30))
            let moved = try await ring.runningPlaces().first { $0.key.name.hasPrefix("n1") && $0.value == ["n2"] }
            let vm = try #require(moved?.key, "\(ring.story)")

            let impostor = Impostor("n3", in: ring, world)
            let (back, here) = (try await impostor.reserve("n1"), try await impostor.reserve("n2"))
            #expect(here.snapshot.returnBans == [ReturnBan(vm: vm, node: "n1")])

            let order = MigrateOrder(
                token: Token(isp: impostor.isp, epoch: here.epoch), action: ActionID(isp: impostor.isp, number: 1),
                vm: vm, destination: "n1", destinationEpoch: back.epoch)
            guard case .migrate(.refused(let reason)) = try await impostor.ask("n2", .migrate(order)) else {
                Issue.record("the order was not refused")
                return
            }
            #expect(reason.contains("came from n1"))
            #expect(try await ring.status("n2").refusedReturns == 1)
            #expect(try await ring.runningPlaces()[vm] == ["n2"])
        }
    }
}
