import Basis
import NIOCore
import Simulation
import Transport

/// A small cluster that uses everything at once: processes, actors, timers, requests, and a bad network.
///
/// Each node now and then asks a random other node for its number and adds it to its own.
enum RumourRing {
    static let service = Service(rawValue: 7)

    /// Runs it with faults and returns the sum over all nodes.
    static func run(in world: World, nodes count: Int, rounds: Int) async throws -> Int64 {
        let network = SimulatedNetwork(
            world: world,
            quality: LinkQuality(
                latencyMax: .milliseconds(20), lossPerMillion: 50_000, duplicationPerMillion: 50_000,
                delayPerMillion: 50_000, delayMax: .seconds(1), keepsOrder: false))
        var generator = world.makeGenerator()
        let names = (0..<count).compactMap { NodeID("n\($0)") }
        var members: [(process: SimulatedProcess, gossip: Gossip)] = []
        for name in names {
            let process = world.makeProcess(name.name)
            let time = SkewedTime(world.time, driftPerMillion: Int.random(in: -1000...1000, using: &generator))
            let transport = network.attach(name, process: process, time: time)
            let gossip = Gossip(transport, time: time, others: names, seed: generator.next(), executor: process)
            await transport.register(gossip, for: Self.service)
            members.append((process, gossip))
        }
        members[1].process.pause(for: .seconds(4))
        for (process, gossip) in members { process.start { await gossip.run(rounds: rounds) } }
        try await world.time.sleep(for: .seconds(3))
        members[2].process.crash()
        let cut = network.split(NetworkSplit([names[0]], from: Array(names[3...])))
        try await world.time.sleep(for: .seconds(3))
        network.heal(cut)
        try await world.time.sleep(for: .seconds(60))
        var sum: Int64 = 0
        for (process, gossip) in members where process.state == .running {
            sum &+= try await process.run { await gossip.number }
        }
        world.record("sum", ["sum": .number(sum)])
        return sum
    }
}

actor Gossip: RequestHandler {
    private(set) var number: Int64 = 1
    private let transport: SimulatedTransport
    private let time: SkewedTime
    private let others: [NodeID]
    private var generator: SplitMix64
    private let executor: SimulatedProcess

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    init(
        _ transport: SimulatedTransport, time: SkewedTime, others: [NodeID], seed: UInt64, executor: SimulatedProcess
    ) {
        self.transport = transport
        self.time = time
        self.others = others
        self.generator = SplitMix64(seed: seed)
        self.executor = executor
    }

    func run(rounds: Int) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<2 { group.addTask { await self.ask(rounds: rounds) } }
        }
    }

    private func ask(rounds: Int) async {
        for _ in 0..<rounds {
            try? await self.time.sleep(for: .milliseconds(Int.random(in: 1...500, using: &self.generator)))
            let other = self.others.randomElement(using: &self.generator) ?? self.transport.localNode
            let deadline = self.time.now + .milliseconds(500)
            let body = ByteBuffer(integer: self.number)
            let reply = try? await self.transport.request(
                body, to: other, service: RumourRing.service, deadline: deadline)
            self.number &+= reply?.getInteger(at: 0, as: Int64.self) ?? 1
        }
    }

    nonisolated func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        .later { await self.merged(body) }
    }

    private func merged(_ body: ByteBuffer) -> ByteBuffer? {
        guard let theirs = body.getInteger(at: body.readerIndex, as: Int64.self) else { return nil }
        self.number = self.number &* 3 &+ theirs
        return ByteBuffer(integer: self.number)
    }

    func take(_ body: ByteBuffer, from node: NodeID) async {}
}
