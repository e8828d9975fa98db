import Basis
import NIOCore
import Simulation
import Testing
import Transport

@Suite("Near and far nodes of a simulated network")
struct SitesTests {
    private struct Echo: RequestHandler {
        func answer(_ body: ByteBuffer, from node: NodeID) -> Answer { .now(body) }

        func take(_ body: ByteBuffer, from node: NodeID) async {}
    }

    private func latency(milliseconds: Int) -> LinkQuality {
        LinkQuality(latencyMin: .milliseconds(milliseconds), latencyMax: .milliseconds(milliseconds))
    }

    /// How long an answer takes to come to each node from each other one, in milliseconds, when `change` has been made.
    private func times(
        among names: [NodeID], arrange: @escaping @Sendable (SimulatedNetwork) -> Void = { _ in },
        change: @escaping @Sendable (SimulatedNetwork) -> Void = { _ in }
    ) async throws -> [Int64] {
        try await World.run(seed: 1) { world in
            let network = SimulatedNetwork(world: world)
            arrange(network)
            let transports = names.map { network.attach($0, process: world.makeProcess($0.name)) }
            for transport in transports { await transport.register(Echo(), for: .agents) }
            change(network)
            var times: [Int64] = []
            for (index, transport) in transports.enumerated() {
                for (other, name) in names.enumerated() where other != index {
                    let began = world.now
                    _ = try await transport.request(
                        ByteBuffer(string: "?"), to: name, service: .agents, deadline: world.now + .seconds(5))
                    times.append((world.now - began).inMilliseconds)
                }
            }
            return times
        }.value
    }

    @Test("a message takes longer from one site to another, in both directions")
    func sites() async throws {
        let quality = self.latency(milliseconds: 5)
        let times = try await self.times(
            among: ["a", "b", "c"],
            arrange: {
                $0.sites = ["b": 1]
                $0.qualityBetweenSites = quality
            })
        #expect(times == [10, 0, 10, 10, 0, 10])
    }

    @Test("and less long from one rack to another of a site; from racks of two sites the sites count")
    func racks() async throws {
        let (near, far) = (self.latency(milliseconds: 2), self.latency(milliseconds: 20))
        let times = try await self.times(
            among: ["a", "b", "c", "d"],
            arrange: {
                $0.sites = ["d": 1]
                $0.racks = ["c": 1, "d": 2]
                $0.qualityBetweenRacks = near
                $0.qualityBetweenSites = far
            })
        #expect(times == [0, 4, 40, 0, 4, 40, 4, 4, 40, 40, 40, 40])
    }

    @Test("racks without a quality of their own are as near as any nodes")
    func racksAlone() async throws {
        #expect(try await self.times(among: ["a", "b"], arrange: { $0.racks = ["b": 1] }) == [0, 0])
    }

    @Test("a node's slow links delay what it sends and what it is sent, and two such nodes' add up")
    func slowLinks() async throws {
        let one = try await self.times(
            among: ["a", "b", "c"], change: { $0.setDelay(.milliseconds(100), of: "b") })
        #expect(one == [200, 0, 200, 200, 0, 200])
        let two = try await self.times(
            among: ["a", "b"],
            change: {
                $0.setDelay(.milliseconds(100), of: "a")
                $0.setDelay(.milliseconds(30), of: "b")
            })
        #expect(two == [260, 260])
        let mended = try await self.times(
            among: ["a", "b"],
            change: {
                $0.setDelay(.milliseconds(100), of: "b")
                $0.setDelay(.zero, of: "b")
            })
        #expect(mended == [0, 0])
    }
}
