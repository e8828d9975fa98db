import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing
import Transport

/// Goal: a move back is refused by the guest's own node, also when the initiator knows of no ban, and it is counted.
/// Method: one node of a ring is played by the test, which reserves the others and orders the move itself.
@Suite("A move back")
struct ReturnRefusalTests {
    /// The node that the test plays: an initiator that believes what it likes.
    private struct Impostor {
        let transport: SimulatedTransport
        let world: World
        let isp = ISPID(node: "n3", boot: 1, sequence: 1)

        func ask(_ node: NodeID, _ request: Request) async throws -> Reply {
            let body = try await self.transport.request(
                MessageCodec.encode(request), to: node, service: .agents, deadline: self.world.now + .seconds(1))
            return try MessageCodec.decodeReply(body)
        }

        func reserve(_ node: NodeID) async throws -> Grant {
            let key = ISPKey(triggerClass: .overload, birth: 1, isp: self.isp)
            guard
                case .reserve(.granted(let grant)) = try await self.ask(
                    node, .reserve(isp: self.isp, key: key, hops: 1))
            else { throw NotGranted() }
            return grant
        }
    }

    private struct NotGranted: Error {}

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

            let process = world.makeProcess("n3")
            let impostor = Impostor(transport: ring.network.attach("n3", process: process), world: world)
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
