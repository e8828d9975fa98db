import Basis
import Logging
import NIOCore
import Transport

/// Two `TCPTransport`s, an echoing handler, and callers that each wait for a reply before the next request.
struct TransportContestant: Contestant {
    private let client: TCPTransport
    private let server: TCPTransport
    private let caller: Caller

    init(
        _ contest: Case, on eventLoop: any EventLoop, certificates: BenchmarkCertificates, prefersLoop: Bool
    ) async throws {
        let table = AddressTable()
        func start(_ name: String) async throws -> TCPTransport {
            guard let node = NodeID(name) else { preconditionFailure("\(name) is a node name") }
            let transport = try await TCPTransport.start(
                identity: TransportIdentity(node: node, cluster: "benchmark", boot: 1),
                listenOn: PeerAddress(host: "127.0.0.1", port: 0), addresses: table,
                certificates: contest.isEncrypted ? certificates.files(of: name) : nil, time: MachineTime(),
                random: SplitMix64(seed: 1), eventLoop: eventLoop,
                log: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
            table.set(await transport.address, of: node)
            return transport
        }
        self.client = try await start(BenchmarkCertificates.client)
        self.server = try await start(BenchmarkCertificates.server)
        await self.server.register(Echo(on: self.server), for: .agents)
        self.caller = Caller(contest, from: self.client, to: self.server.localNode, prefersLoop: prefersLoop)
    }

    func run(seconds: Double) async throws -> Int {
        try await self.caller.run(seconds: seconds)
    }

    func stop() async throws {
        await self.client.shutdown()
        await self.server.shutdown()
    }
}

/// Sends each request back: an actor on the transport's event loop, as an agent is.
private actor Echo: RequestHandler {
    private let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    init(on transport: TCPTransport) {
        self.eventLoop = transport.eventLoop
    }

    func answer(_ body: ByteBuffer, from node: NodeID) async -> ByteBuffer? { body }

    func take(_ body: ByteBuffer, from node: NodeID) async {}
}

/// Asks as an agent does: an actor on the event loop, with as many tasks as there are requests in flight.
private actor Caller {
    private let contest: Case
    private let transport: TCPTransport
    private let peer: NodeID
    private let preference: LoopTaskExecutor?
    private let time = MachineTime()
    private var isOver = false
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.transport.unownedExecutor }

    init(_ contest: Case, from transport: TCPTransport, to peer: NodeID, prefersLoop: Bool) {
        self.preference = prefersLoop ? transport.taskExecutor : nil
        self.contest = contest
        self.transport = transport
        self.peer = peer
    }

    func run(seconds: Double) async throws -> Int {
        self.isOver = false
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<self.contest.inFlight {
                group.addTask(executorPreference: self.preference) { try await self.askUntilOver() }
            }
            group.addTask {
                try await self.time.sleep(for: .seconds(seconds))
                await self.end()
                return 0
            }
            var roundTrips = 0
            for try await count in group {
                roundTrips += count
            }
            return roundTrips
        }
    }

    private func end() {
        self.isOver = true
    }

    private func askUntilOver() async throws -> Int {
        let body = ByteBuffer(repeating: 7, count: self.contest.bodyBytes)
        var roundTrips = 0
        while !self.isOver {
            let reply = try await self.transport.request(
                body, to: self.peer, service: .agents, deadline: self.time.now + .seconds(1))
            guard reply.readableBytes == body.readableBytes else { throw UnexpectedReply() }
            roundTrips += 1
        }
        return roundTrips
    }
}

struct UnexpectedReply: Error {}

/// The machine's clock.
struct MachineTime: TimeSource {
    private static let origin = ContinuousClock.now

    var now: MonotonicInstant { .zero + Self.origin.duration(to: .now) }

    /// Certificates of this run were made moments ago.
    var wallClockMilliseconds: UInt64 { WallClock.milliseconds }

    func sleep(until deadline: MonotonicInstant) async throws {
        try await Task.sleep(for: deadline - self.now)
    }
}
