import Basis
import NIOCore
import Testing
import Transport

/// What a transport does about a peer that is newer, broken, silent or hostile: a test that writes frames by hand.
@Suite("A transport and a peer of another make", .timeLimit(.minutes(1)))
struct PeerBehaviourTests {
    private let network = TestNetwork()

    /// A link on which both have said hello, and the transport has taken it.
    private func greeted(_ transport: TCPTransport, as node: NodeID, boot: UInt64 = 1) async throws -> RawLink {
        let link = try await RawLink.dial(await transport.address)
        try await link.sendHello(node, boot: boot)
        #expect(await link.next()?.kind == .hello)
        try await link.send(Frame(.ping))
        #expect(await link.next()?.kind == .ping)
        return link
    }

    private static func refusal(_ frame: Frame?) -> Refusal? {
        guard let frame, frame.kind == .refusal else { return nil }
        return frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self).flatMap(Refusal.init)
    }

    @Test("refuse a frame of a newer version or of an unknown kind by type, and the link stays up")
    func newerPeer() async throws {
        let b = try await self.network.start("b")
        await b.register(EchoHandler(), for: .agents)
        let link = try await self.greeted(b, as: "a")
        try await link.send(Frame(version: 2, rawKind: FrameKind.request.rawValue, flags: 1, correlation: 41))
        let newer = await link.next()
        #expect(newer?.correlation == 41)
        #expect(Self.refusal(newer) == .unsupportedVersion)
        try await link.send(Frame(rawKind: 99, correlation: 42))
        let unknown = await link.next()
        #expect(unknown?.correlation == 42)
        #expect(Self.refusal(unknown) == .unknownKind)
        // A refusal is never answered: two versions must not refuse each other for ever.
        try await link.send(Frame(version: 2, rawKind: FrameKind.refusal.rawValue, correlation: 43))
        // A mark that this version does not know is ignored.
        try await link.send(Frame(.request, flags: 0x8001, correlation: 44, body: ByteBuffer(string: "hi")))
        let reply = await link.next()
        #expect(reply?.kind == .reply)
        #expect(reply?.correlation == 44)
        #expect(reply.map { String(buffer: $0.body) } == "a:hi")
        await b.shutdown()
    }

    @Test(
        "close on what cannot be cut into frames or breaks the order, and go on serving others",
        arguments: [
            ByteBuffer(integer: UInt32.max), ByteBuffer(integer: UInt32(3)),
            ByteBuffer(bytes: [0, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), Self.bytes(Frame(.request, flags: 1, correlation: 1)),
            Self.bytes(Frame(.hello, body: ByteBuffer(string: "no hello"))),
            Self.bytes(Frame(.goodbye)),
        ])
    func garbage(bytes: ByteBuffer) async throws {
        let b = try await self.network.start("b")
        await b.register(EchoHandler(), for: .agents)
        let link = try await RawLink.dial(await b.address)
        try await link.send(bytes)
        #expect(await link.next(ignoring: [FrameKind.hello.rawValue]) == nil)
        let a = try await self.network.start("a")
        #expect(try await a.ask("still there?", of: "b") == "a:still there?")
        await a.shutdown()
        await b.shutdown()
    }

    private static func bytes(_ frame: Frame) -> ByteBuffer {
        var bytes = ByteBuffer()
        frame.encode(into: &bytes)
        return bytes
    }

    @Test("close on a second hello")
    func secondHello() async throws {
        let b = try await self.network.start("b")
        let link = try await self.greeted(b, as: "a")
        try await link.sendHello("a")
        #expect(await link.next() == nil)
        await b.shutdown()
    }

    @Test("let random bytes after the hello end that connection at most", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func randomBytes(seed: UInt64) async throws {
        let b = try await self.network.start("b")
        await b.register(EchoHandler(), for: .agents)
        let link = try await self.greeted(b, as: "x")
        var random = SplitMix64(seed: seed)
        try? await link.send(ByteBuffer(bytes: (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }))
        try? await link.channel.close()
        let a = try await self.network.start("a")
        #expect(try await a.ask("still there?", of: "b") == "a:still there?", "seed \(seed)")
        await a.shutdown()
        await b.shutdown()
    }

    @Test("retire the connection that the higher id dialled when the lower one dials too, losing nothing on it")
    func tie() async throws {
        let b = try await self.network.start("b")
        await b.register(EchoHandler(), for: .agents)
        let listener = try await RawListener.listen()
        self.network.addresses.set(listener.address, of: "a")
        async let answer = b.ask("question", of: "a")
        let old = try #require(await listener.accept())
        #expect(await old.next()?.kind == .hello)
        try await old.sendHello("a")
        let request = try #require(await old.next())
        #expect(request.kind == .request)
        // The lower id's own dial arrives while that request is under way.
        let new = try await self.greeted(b, as: "a")
        try await new.send(Frame(.request, flags: 1, correlation: 5, body: ByteBuffer(string: "hi")))
        #expect(await new.next()?.kind == .reply)
        // The old connection still carries its answer; then b says goodbye on it, and closes when a does.
        try await old.send(Frame(.reply, correlation: request.correlation, body: ByteBuffer(string: "answer")))
        #expect(try await answer == "answer")
        #expect(await old.next()?.kind == .goodbye)
        try await old.send(Frame(.goodbye))
        #expect(await old.next() == nil)
        // What b asks from now on goes over the new one.
        try await b.send(ByteBuffer(string: "over here"), to: "a", service: .agents)
        #expect(await new.next()?.kind == .oneway)
        await b.shutdown()
    }

    @Test("believe the later boot of two processes with one name, and end what was under way with the earlier")
    func duplicateID() async throws {
        let b = try await self.network.start("b")
        let first = try await self.greeted(b, as: "a", boot: 5)
        async let lost = transportError { () throws(TransportError) in try await b.ask("?", of: "a") }
        #expect(await first.next()?.kind == .request)
        let earlier = try await RawLink.dial(await b.address)
        try await earlier.sendHello("a", boot: 4)
        let refusal = await earlier.next(ignoring: [FrameKind.hello.rawValue])
        #expect(refusal?.kind == .refusal)
        #expect(
            refusal.flatMap { HelloRefusal.reason(decoding: $0.body) } == "another process (boot 4) bears the name a")
        _ = try await self.greeted(b, as: "a", boot: 6)
        #expect(try await lost == .connectionLost)
        #expect(await first.next() == nil)
        await b.shutdown()
    }

    @Test("take no reply from a peer that was not asked")
    func foreignReply() async throws {
        let b = try await self.network.start("b")
        let (asked, other) = (try await self.greeted(b, as: "a"), try await self.greeted(b, as: "c"))
        async let answer = b.ask("?", of: "a")
        let request = try #require(await asked.next())
        try await other.send(Frame(.reply, correlation: request.correlation, body: ByteBuffer(string: "forged")))
        // The answer to a ping comes after everything that was sent before it was dealt with.
        try await other.send(Frame(.ping, correlation: 1))
        #expect(await other.next()?.kind == .ping)
        try await asked.send(Frame(.reply, correlation: request.correlation, body: ByteBuffer(string: "true")))
        #expect(try await answer == "true")
        await b.shutdown()
    }

    @Test("answer a ping under its correlation")
    func answersPing() async throws {
        let b = try await self.network.start("b")
        let link = try await self.greeted(b, as: "a")
        try await link.send(Frame(.ping, correlation: 3))
        // Pings of the transport's own, of a slow moment, may come before the answer.
        var answer = await link.next()
        while answer?.correlation == 0 { answer = await link.next() }
        #expect(answer?.kind == .ping && answer?.flags == Frame.pingAnswer && answer?.correlation == 3)
        await b.shutdown()
    }

    @Test("ping a silent peer, and give it up after the intervals that the settings name")
    func silentPeer() async throws {
        var settings = TestNetwork.settings
        settings.pingInterval = .milliseconds(20)
        settings.silentIntervalsMax = 2
        let b = try await self.network.start("b", settings: settings)
        // Says hello and nothing more, so that it does not matter how slow this side is.
        let link = try await RawLink.dial(await b.address)
        try await link.sendHello("a", boot: 1)
        #expect(await link.next()?.kind == .hello)
        #expect(await link.next()?.kind == .ping)
        #expect(await link.next()?.kind == .ping)
        #expect(await link.next() == nil)
        #expect(await b.connectedPeers.isEmpty)
        await b.shutdown()
    }

    @Test("end the connection to a peer that is forgotten, in good order, and take it back when it connects anew")
    func forgetConnected() async throws {
        let b = try await self.network.start("b")
        await b.register(EchoHandler(), for: .agents)
        let link = try await self.greeted(b, as: "a")
        await b.forget("a")
        #expect(await b.connectedPeers.isEmpty)
        // Pings of the transport's own, of a slow moment, may come before.
        #expect(await link.next(ignoring: [FrameKind.ping.rawValue])?.kind == .goodbye)
        try await link.send(Frame(.goodbye))
        #expect(await link.next(ignoring: [FrameKind.ping.rawValue]) == nil)
        let again = try await self.greeted(b, as: "a")
        try await again.send(Frame(.request, flags: 1, correlation: 5, body: ByteBuffer(string: "hi")))
        #expect(await again.next()?.kind == .reply)
        await b.shutdown()
    }

    @Test("keep nothing of a peer that could not be reached once it is forgotten")
    func forgetUnreachable() async throws {
        var settings = TestNetwork.settings
        (settings.reconnectDelayMin, settings.reconnectDelayMax) = (.seconds(600), .seconds(600))
        let b = try await self.network.start("b", settings: settings)
        // A port that nobody has any more.
        let gone = try await self.network.start("a")
        await gone.shutdown()
        func answer() async throws -> String {
            reason(try await transportError { () throws(TransportError) in try await b.ask("?", of: "a") })
        }
        _ = try await answer()
        #expect(try await answer().contains("next dial in"))
        self.network.addresses.set(nil, of: "a")
        await b.forget("a")
        #expect(try await answer() == "no address of a is known")
        await b.shutdown()
    }

    @Test("give up a peer that connects and does not say hello")
    func noHello() async throws {
        var settings = TestNetwork.settings
        settings.handshakeTimeout = .milliseconds(20)
        let b = try await self.network.start("b", settings: settings)
        let link = try await RawLink.dial(await b.address)
        #expect(await link.next(ignoring: [FrameKind.hello.rawValue]) == nil)
        await b.shutdown()
    }

    @Test(
        "cut off a peer that never reads what its pings, or what it is refused, are answered",
        arguments: [
            Frame(.ping), Frame(.request, flags: 0xFF, correlation: 1), Frame(rawKind: 99, correlation: 1),
            Frame(version: 2, rawKind: FrameKind.request.rawValue, correlation: 1),
        ])
    func unreadAnswers(frame: Frame) async throws {
        var settings = TestNetwork.settings
        settings.frameBytesMax = 65_536
        settings.outboundBytesMax = 131_072
        let b = try await self.network.start("b", settings: settings)
        let link = try await self.greeted(b, as: "a")
        try await link.channel.setOption(.autoRead, value: false).get()
        var bytes = ByteBuffer()
        for _ in 1...16_384 { frame.encode(into: &bytes) }
        // An answer is as long as its frame at least: far more than the kernel's buffers hold.
        await #expect(throws: (any Error).self) {
            for _ in 1...512 { try await link.send(bytes) }
        }
        await b.shutdown()
    }

    @Test("cut off a peer that asks and never reads the replies")
    func unreadReplies() async throws {
        var settings = TestNetwork.settings
        settings.frameBytesMax = 65_536
        settings.outboundBytesMax = 131_072
        let b = try await self.network.start("b", settings: settings)
        await b.register(EchoHandler(), for: .agents)
        let link = try await self.greeted(b, as: "a")
        try await link.channel.setOption(.autoRead, value: false).get()
        let body = ByteBuffer(repeating: 1, count: 60_000)
        // Far more than the kernel's buffers hold; a write fails once the other side has closed.
        await #expect(throws: (any Error).self) {
            for correlation in 1...5_000 {
                try await link.send(Frame(.request, flags: 1, correlation: UInt64(correlation), body: body))
            }
        }
        await b.shutdown()
    }
}
