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
        _ contest: Case, on eventLoop: any EventLoop, certificates: BenchmarkCertificates
    ) async throws {
        let table = AddressTable()
        func start(_ name: String) async throws -> TCPTransport {
            guard let node = NodeID(name) else { preconditionFailure("\(name) is a node name") }
            let transport = try await TCPTransport.start(
                identity: TransportIdentity(node: node, cluster: "benchmark", boot: 1),
                listenOn: PeerAddress(host: "127.0.0.1", port: 0), addresses: table,
                certificates: contest.isEncrypted ? certificates.files(of: name) : nil, time: SystemTimeSource(),
                random: SplitMix64(seed: 1), eventLoop: eventLoop,
                log: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
            table.set(await transport.address, of: node)
            return transport
        }
        self.client = try await start(BenchmarkCertificates.client)
        self.server = try await start(BenchmarkCertificates.server)
        await self.server.register(Echo(on: self.server), for: .agents)
        self.caller = Caller(contest, from: self.client, to: self.server.localNode)
    }

    func run(seconds: Double) async throws -> Int {
        try await self.caller.run(seconds: seconds)
    }

    func stop() async throws {
        await self.client.shutdown()
        await self.server.shutdown()
    }
}

/// Sends each request back: an actor on the transport's event loop that answers at once, as an agent does.
private actor Echo: RequestHandler {
    private let executor: LoopExecutor
    private var answered = 0
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    init(on transport: TCPTransport) {
        self.executor = transport.executor
    }

    nonisolated func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        let reply = self.ifIsolated(on: self.executor, body) { $0.echo($1) }
        return reply.map(Answer.now) ?? .later { await self.echo(body) }
    }

    private func echo(_ body: ByteBuffer) -> ByteBuffer {
        self.answered += 1
        return body
    }

    func take(_ body: ByteBuffer, from node: NodeID) async {}
}

/// Asks as an agent does: an actor on the event loop, with as many tasks as there are requests in flight.
private actor Caller {
    private let contest: Case
    private let transport: any MessageTransport
    private let executor: LoopExecutor
    private let peer: NodeID
    private let time: any TimeSource = SystemTimeSource()
    private var isOver = false
    private static let patience = Duration.seconds(1)
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    init(_ contest: Case, from transport: TCPTransport, to peer: NodeID) {
        self.contest = contest
        self.transport = transport
        self.executor = transport.executor
        self.peer = peer
    }

    func run(seconds: Double) async throws -> Int {
        self.isOver = false
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<self.contest.inFlight {
                group.addTask { try await self.askUntilOver() }
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
                body, to: self.peer, service: .agents, deadline: self.time.now + Self.patience)
            guard reply.readableBytes == body.readableBytes else { throw UnexpectedReply() }
            roundTrips += 1
        }
        return roundTrips
    }
}

struct UnexpectedReply: Error {}
