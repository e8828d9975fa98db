import Basis
import NIOCore
import Testing
import Transport

@Suite("Transports on a loopback hub", .timeLimit(.minutes(1)))
struct LoopbackTests {
    private let time = ManualTime()

    private func ask(
        _ text: String, _ transport: LoopbackTransport, of node: NodeID, within patience: Duration = .seconds(30)
    ) async throws(TransportError) -> String {
        String(
            buffer: try await transport.request(
                ByteBuffer(string: text), to: node, service: .agents, deadline: self.time.now + patience))
    }

    private func pair(
        _ handler: any RequestHandler, settings: TransportSettings = TransportSettings()
    ) async -> (LoopbackHub, LoopbackTransport, LoopbackTransport) {
        let hub = LoopbackHub(time: self.time, settings: settings)
        let (a, b) = (await hub.attach("a"), await hub.attach("b"))
        await b.register(handler, for: .agents)
        return (hub, a, b)
    }

    @Test("answer through the same frames as on a wire")
    func roundTrip() async throws {
        let (hub, a, _) = await self.pair(EchoHandler())
        #expect(try await self.ask("hi", a, of: "b") == "a:hi")
        let (of, to) = (await hub.statistics(of: "a"), await hub.statistics(of: "b"))
        #expect(of.framesOut == 1 && of.framesIn == 1 && to.framesIn == 1 && to.framesOut == 1)
        #expect(of.bytesOut == 18 && of.bytesIn == 20)
    }

    @Test("refuse what nobody handles, what the handler does not know, and what does not fit")
    func refusals() async throws {
        var settings = TransportSettings()
        settings.frameBytesMax = 1_024
        let (_, a, b) = await self.pair(RefusingHandler(), settings: settings)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("?", a, of: "b") }
                == .refused(.malformed))
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("?", b, of: "a") }
                == .refused(.unknownService))
        let long = String(repeating: "x", count: 1_013)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask(long, a, of: "b") }
                == .limitReached(limit: "frameBytesMax", value: 1_025))
    }

    @Test("hand messages over in the order of sending")
    func order() async throws {
        let gate = GateHandler()
        let (_, a, _) = await self.pair(gate)
        for number in 0..<500 {
            try await a.send(ByteBuffer(string: "\(number)"), to: "b", service: .agents)
        }
        await gate.hasReceived(500)
        #expect(await gate.received == (0..<500).map(String.init))
    }

    @Test("end a request at its deadline in virtual time, while the peer goes on")
    func deadline() async throws {
        let gate = GateHandler()
        let (hub, a, _) = await self.pair(gate)
        async let error = transportError { () throws(TransportError) in
            try await self.ask("slow", a, of: "b", within: .seconds(5))
        }
        await gate.hasReceived(1)
        await self.time.someoneSleeps()
        self.time.advance(by: .seconds(5))
        #expect(try await error == .timedOut)
        await gate.open()
        #expect(try await self.ask("next", a, of: "b") == "next")
        #expect(await hub.statistics(of: "a").timeouts == 1)
    }

    @Test("end a request whose task is cancelled")
    func cancellation() async throws {
        let gate = GateHandler()
        let (_, a, _) = await self.pair(gate)
        let task = Task {
            try await transportError { () throws(TransportError) in try await self.ask("x", a, of: "b") }
        }
        await gate.hasReceived(1)
        task.cancel()
        #expect(try await task.value == .cancelled)
        await gate.open()
    }

    @Test("lose what is under way when a node is taken off the hub, and reach it again when it is put back")
    func takenOff() async throws {
        let gate = GateHandler()
        let (hub, a, _) = await self.pair(gate)
        async let lost = transportError { () throws(TransportError) in try await self.ask("1", a, of: "b") }
        await gate.hasReceived(1)
        await hub.takeOff("b")
        #expect(try await lost == .connectionLost)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("2", a, of: "b") }
                == .unreachable(reason: "b is off the hub"))
        await gate.open()
        await hub.putBack("b")
        #expect(try await self.ask("3", a, of: "b") == "3")
        #expect(await gate.received == ["1", "3"])
    }

    @Test("hold the limits of both sides", arguments: [true, false])
    func limits(ofCaller: Bool) async throws {
        var settings = TransportSettings()
        if ofCaller { settings.callsInFlightMax = 1 } else { settings.requestsServedMax = 1 }
        let gate = GateHandler()
        let (_, a, _) = await self.pair(gate, settings: settings)
        async let first = self.ask("1", a, of: "b")
        await gate.hasReceived(1)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("2", a, of: "b") }
                == (ofCaller ? .limitReached(limit: "callsInFlightMax", value: 1) : .refused(.tooManyInFlight)))
        await gate.open()
        #expect(try await first == "1")
        #expect(try await self.ask("3", a, of: "b") == "3")
    }

    @Test("end everything as closed when they leave")
    func shutdown() async throws {
        let gate = GateHandler()
        let (_, a, b) = await self.pair(gate)
        async let own = transportError { () throws(TransportError) in try await self.ask("1", a, of: "b") }
        await gate.hasReceived(1)
        await a.shutdown()
        #expect(try await own == .closed)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("2", a, of: "b") } == .closed)
        #expect(
            try await transportError { () throws(TransportError) in try await self.ask("3", b, of: "a") }
                == .unreachable(reason: "a is not on the hub"))
        await gate.open()
    }
}
