import Basis
import NIOCore
import Simulation
import Testing
import Transport

@Suite("Sites of a simulated network")
struct SitesTests {
    private struct Echo: RequestHandler {
        func answer(_ body: ByteBuffer, from node: NodeID) -> Answer { .now(body) }

        func take(_ body: ByteBuffer, from node: NodeID) async {}
    }

    @Test("a message takes longer from one site to another, in both directions")
    func latency() async throws {
        let world = try await World.run(seed: 1) { world in
            let network = SimulatedNetwork(world: world)
            network.sites = ["b": 1]
            network.qualityBetweenSites = LinkQuality(latencyMin: .milliseconds(5), latencyMax: .milliseconds(6))
            let transports = ["a", "b", "c"].map { (name: NodeID) in
                network.attach(name, process: world.makeProcess(name.name))
            }
            for transport in transports { await transport.register(Echo(), for: .agents) }
            var times: [Duration] = []
            for node in ["b", "c"] as [NodeID] {
                let began = world.now
                _ = try await transports[0].request(
                    ByteBuffer(string: "?"), to: node, service: .agents, deadline: world.now + .seconds(1))
                times.append(world.now - began)
            }
            return times
        }
        #expect((Duration.milliseconds(10)...Duration.milliseconds(12)).contains(world.value[0]))
        #expect(world.value[1] <= .milliseconds(1))
    }
}
