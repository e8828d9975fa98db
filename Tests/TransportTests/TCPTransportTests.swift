import Basis
import Logging
import NIOCore
import Testing
import Transport

@Suite("Two transports over TCP", .timeLimit(.minutes(1)))
struct TCPTransportTests {
    private let network = TestNetwork()

    private func pair(
        settings: TransportSettings = TestNetwork.settings, handler: any RequestHandler = EchoHandler()
    ) async throws -> (TCPTransport, TCPTransport) {
        let (a, b) = (
            try await self.network.start("a", settings: settings), try await self.network.start("b", settings: settings)
        )
        await a.register(handler, for: .agents)
        await b.register(handler, for: .agents)
        return (a, b)
    }

    private func end(_ transports: TCPTransport...) async {
        for transport in transports { await transport.shutdown() }
    }

    @Test("answer each other over one connection, whoever asks first")
    func bothWays() async throws {
        let (a, b) = try await self.pair()
        #expect(try await a.ask("hi", of: "b") == "a:hi")
        #expect(try await b.ask("ho", of: "a") == "b:ho")
        #expect(await a.statistics.connections == 1)
        #expect(await b.statistics.connections == 1)
        #expect(await a.connectedPeers == ["b"])
        await self.end(a, b)
    }

    @Test("lose no request when both dial at once")
    func bothDial() async throws {
        let (a, b) = try await self.pair()
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<50 {
                group.addTask { try await a.ask("\(number)", of: "b") }
                group.addTask { try await b.ask("\(number)", of: "a") }
            }
            var answers: Set<String> = []
            for try await answer in group { answers.insert(answer) }
            return answers
        }
        #expect(answers == Set((0..<50).flatMap { ["a:\($0)", "b:\($0)"] }))
        await self.end(a, b)
    }

    @Test("carry bodies up to the limit and say so beyond it")
    func bodyLimit() async throws {
        var settings = TestNetwork.settings
        settings.frameBytesMax = 4_096
        let (a, b) = try await self.pair(settings: settings)
        let fits = String(repeating: "x", count: 4_096 - Frame.headerBytes - 2)
        #expect(try await a.ask(fits, of: "b") == "a:" + fits)
        // The request fits, the echo's reply with the name before it does not.
        #expect(
            try await transportError { () throws(TransportError) in try await a.ask(fits + "x", of: "b") }
                == .refused(.malformed))
        #expect(
            try await transportError { () throws(TransportError) in try await a.ask(fits + "xxx", of: "b") }
                == .limitReached(limit: "frameBytesMax", value: 4_097))
        await self.end(a, b)
    }

    @Test("say when nobody is registered, and when the handler does not know the bytes")
    func refusals() async throws {
        let (a, b) = try await self.pair(handler: RefusingHandler())
        #expect(
            try await transportError { () throws(TransportError) in try await a.ask("?", of: "b") }
                == .refused(.malformed))
        #expect(
            try await transportError { () throws(TransportError) in
                try await a.request(
                    ByteBuffer(), to: "b", service: Service(rawValue: 9), deadline: MachineTime().now + .seconds(30))
            } == .refused(.unknownService))
        #expect(await b.statistics.refusalsSent == 2)
        await self.end(a, b)
    }

    @Test("end a request at its deadline, at once when that has passed, and take no late reply for it")
    func deadline() async throws {
        let gate = GateHandler()
        let (a, b) = try await self.pair(handler: gate)
        #expect(
            try await transportError { () throws(TransportError) in
                try await a.ask("slow", of: "b", within: .milliseconds(30))
            } == .timedOut)
        #expect(
            try await transportError { () throws(TransportError) in
                try await a.ask("late", of: "b", within: .zero)
            } == .timedOut)
        await gate.open()
        #expect(try await a.ask("next", of: "b") == "next")
        #expect(await a.statistics.timeouts == 2)
        await self.end(a, b)
    }

    @Test("end a request whose task is cancelled")
    func cancellation() async throws {
        let gate = GateHandler()
        let (a, b) = try await self.pair(handler: gate)
        let task = Task { try await transportError { () throws(TransportError) in try await a.ask("x", of: "b") } }
        await gate.hasReceived(1)
        task.cancel()
        #expect(try await task.value == .cancelled)
        await gate.open()
        await self.end(a, b)
    }

    @Test("refuse more requests in flight than the asking side allows")
    func callsInFlight() async throws {
        var settings = TestNetwork.settings
        settings.callsInFlightMax = 1
        let gate = GateHandler()
        let (a, b) = try await self.pair(settings: settings, handler: gate)
        async let first = a.ask("1", of: "b")
        await gate.hasReceived(1)
        #expect(
            try await transportError { () throws(TransportError) in try await a.ask("2", of: "b") }
                == .limitReached(limit: "callsInFlightMax", value: 1))
        await gate.open()
        #expect(try await first == "1")
        #expect(try await a.ask("3", of: "b") == "3")
        await self.end(a, b)
    }

    @Test("refuse more requests in flight than the answering side allows")
    func requestsServed() async throws {
        var settings = TestNetwork.settings
        settings.requestsServedMax = 1
        let gate = GateHandler()
        let (a, b) = try await self.pair(settings: settings, handler: gate)
        async let first = a.ask("1", of: "b")
        await gate.hasReceived(1)
        #expect(
            try await transportError { () throws(TransportError) in try await a.ask("2", of: "b") }
                == .refused(.tooManyInFlight))
        await gate.open()
        #expect(try await first == "1")
        await self.end(a, b)
    }

    @Test("hand one-way messages over in the order in which they were sent")
    func onewayOrder() async throws {
        let gate = GateHandler()
        let (a, b) = try await self.pair(handler: gate)
        for number in 0..<200 {
            try await a.send(ByteBuffer(string: "\(number)"), to: "b", service: .agents)
        }
        await gate.hasReceived(200)
        #expect(await gate.received == (0..<200).map(String.init))
        await self.end(a, b)
    }

    @Test("find each other again after a restart at the same address, once the wait is over")
    func reconnect() async throws {
        let time = ManualTime()
        let a = try await self.network.start("a", time: time)
        let b = try await self.network.start("b")
        let port = await b.address.port
        await b.register(EchoHandler(), for: .agents)
        #expect(try await a.ask("1", of: "b", time: time) == "a:1")
        await b.shutdown()
        // The goodbye may still be on its way; either way the peer is not there.
        let lost = try await transportError { () throws(TransportError) in try await a.ask("2", of: "b", time: time) }
        if lost == .connectionLost || lost == .refused(.goingAway) {
            _ = try await transportError { () throws(TransportError) in try await a.ask("2", of: "b", time: time) }
        }
        let again = try await self.network.start("b", boot: 2, port: port)
        await again.register(EchoHandler(), for: .agents)
        let early = try await transportError { () throws(TransportError) in try await a.ask("3", of: "b", time: time) }
        #expect(reason(early).contains("next dial in"))
        time.advance(by: .seconds(5))
        #expect(try await a.ask("4", of: "b", time: time) == "a:4")
        await self.end(a, again)
    }

    @Test("say goodbye at shutdown: own requests end as closed, those of the peer are answered first")
    func shutdown() async throws {
        let gate = GateHandler()
        let (a, b) = try await self.pair(handler: gate)
        async let ofA = transportError { () throws(TransportError) in try await a.ask("from a", of: "b") }
        async let ofB = b.ask("from b", of: "a")
        await gate.hasReceived(2)
        async let ended: Void = a.shutdown()
        #expect(try await ofA == .closed)
        await gate.open()
        #expect(try await ofB == "from b")
        await ended
        #expect(try await transportError { () throws(TransportError) in try await a.ask("late", of: "b") } == .closed)
        await b.shutdown()
    }

    @Test("know nobody without an address, nobody at a dead address, and not themselves")
    func unreachable() async throws {
        let (a, b) = try await self.pair()
        let unknown = try await transportError { () throws(TransportError) in try await a.ask("?", of: "nobody") }
        #expect(reason(unknown) == "no address of nobody is known")
        let own = try await transportError { () throws(TransportError) in try await a.ask("?", of: "a") }
        #expect(reason(own) == "a is this node itself")
        let address = await b.address
        await b.shutdown()
        let refused = try await transportError { () throws(TransportError) in try await a.ask("?", of: "b") }
        #expect(reason(refused).contains("\(address)"))
        #expect(reason(refused).contains("refused"))
        await a.shutdown()
    }

    @Test("refuse a peer of another cluster, another node at the address, and themselves, saying so to both")
    func strangers() async throws {
        let a = try await self.network.start("a")
        let b = try await self.network.start("b", cluster: "other")
        let c = try await self.network.start("c")
        let cluster = try await transportError { () throws(TransportError) in try await a.ask("?", of: "b") }
        #expect(reason(cluster).contains("cluster"))
        self.network.addresses.set(await c.address, of: "d")
        let other = try await transportError { () throws(TransportError) in try await a.ask("?", of: "d") }
        #expect(reason(other).contains("c answers at the address of d"))
        self.network.addresses.set(await a.address, of: "e")
        let own = try await transportError { () throws(TransportError) in try await a.ask("?", of: "e") }
        #expect(reason(own).contains("leads back to this node"))
        await self.end(a, b, c)
    }

    @Test("do not start on an address that is in use, naming it")
    func addressInUse() async throws {
        let a = try await self.network.start("a")
        let address = await a.address
        await #expect(throws: TransportStartError.addressInUse(address)) {
            try await self.network.start("b", port: address.port)
        }
        await a.shutdown()
    }

    @Test("refuse plaintext beyond the loopback interface, listening or dialling, unless it is insecure")
    func plaintext() async throws {
        let everywhere = PeerAddress(host: "0.0.0.0", port: 0)
        func start(_ settings: TransportSettings) async throws -> TCPTransport {
            try await TCPTransport.start(
                identity: TransportIdentity(node: "a", cluster: "test", boot: 1), listenOn: everywhere,
                addresses: self.network.addresses, settings: settings, time: MachineTime(),
                random: SplitMix64(seed: 1), eventLoop: self.network.eventLoop,
                log: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        await #expect(throws: TransportStartError.plaintextBeyondLoopback(everywhere)) {
            try await start(TransportSettings())
        }
        var settings = TransportSettings()
        settings.insecure = true
        await (try await start(settings)).shutdown()
        let a = try await self.network.start("a")
        // TEST-NET-1 of RFC 5737: nothing may ever be sent there.
        self.network.addresses.set(PeerAddress(host: "192.0.2.1", port: 1), of: "far")
        let far = try await transportError { () throws(TransportError) in try await a.ask("?", of: "far") }
        #expect(reason(far).contains("no loopback address"))
        await a.shutdown()
    }

    @Test("do not start with settings that cannot hold")
    func badSettings() async throws {
        var settings = TestNetwork.settings
        settings.callsInFlightMax = 0
        await #expect(throws: TransportStartError.settings(settings.problems)) {
            try await self.network.start("a", settings: settings)
        }
    }
}
