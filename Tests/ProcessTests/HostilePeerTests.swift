import Basis
import Certificates
import Foundation
import NIOCore
import NIOPosix
import Testing
import Transport

/// What may come in at the port that other agents use.
@Suite("A daemon lives on, and says what it was sent", .timeLimit(.minutes(1)))
struct HostilePeerTests {
    /// A ring of which one daemon runs.
    private struct Target {
        let ring: TestRing
        let daemon: ProgramProcess

        init() async throws {
            self.ring = try TestRing(2)
            self.daemon = try await self.ring.startDaemon("n1")
        }

        /// Sends bytes to the port of the agents; returns what came back when the daemon had closed the connection.
        func send(_ bytes: ByteBuffer) async throws -> ByteBuffer {
            let (stream, continuation) = AsyncStream<ByteBuffer>.makeStream()
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ByteCollector(continuation))
                    }
                }
                .connect(host: "127.0.0.1", port: self.ring.ports[0]).get()
            try await channel.writeAndFlush(bytes)
            var received = ByteBuffer()
            for await part in stream { received.writeImmutableBuffer(part) }
            return received
        }

        /// Checks that the daemon logged `words` if any are given, still answers, and ends well.
        func check(logged words: String? = nil) async throws {
            #expect(try await self.ring.control("n1").ask("status")["node"] == "n1")
            self.daemon.signal(SIGTERM)
            let end = await self.daemon.end()
            #expect(end.status == 0)
            if let words { #expect(end.errors.contains(words), "\(end.errors)") }
        }
    }

    @Test("a frame with an absurd length")
    func absurdLength() async throws {
        let target = try await Target()
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(UInt32.max, UInt8(1), UInt8(1), UInt16(0), UInt64(0))
        _ = try await target.send(bytes)
        try await target.check(logged: "a frame announced 4294967295 bytes, 1048576 are allowed")
    }

    @Test("random bytes", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomBytes(seed: UInt64) async throws {
        let target = try await Target()
        var generator = SplitMix64(seed: seed)
        var bytes = ByteBuffer()
        // A length that fits, so that what follows is looked at, too.
        bytes.writeInteger(UInt32(60))
        bytes.writeBytes((0..<4_096).map { _ in UInt8.random(in: 0...255, using: &generator) })
        _ = try await target.send(bytes)
        try await target.check(logged: "connection ended before its hello")
    }

    @Test("the hello of a peer that speaks only newer protocols, which is told so")
    func newerProtocol() async throws {
        let target = try await Target()
        let hello = Hello(
            identity: TransportIdentity(node: "n2", cluster: "test", boot: 1), protocolMin: Hello.protocolMax + 1,
            protocolMax: Hello.protocolMax + 3)
        var bytes = ByteBuffer()
        Frame(.hello, body: hello.encoded()).encode(into: &bytes)
        let answer = try await target.send(bytes)
        #expect(String(buffer: answer).contains("protocols 2 to 4"))
        try await target.check(logged: "it speaks protocols 2 to 4, we speak 1 to 1")
    }

    @Test("the hello of a node of another cluster, and of one with its own name")
    func wrongHello() async throws {
        for (node, cluster, words) in [
            ("n2", "other", #"it is of cluster "other", we are of "test""#), ("n1", "test", "n1"),
        ] {
            let target = try await Target()
            var bytes = ByteBuffer()
            let identity = TransportIdentity(node: try #require(NodeID(node)), cluster: cluster, boot: 99)
            Frame(.hello, body: Hello(identity: identity).encoded()).encode(into: &bytes)
            _ = try await target.send(bytes)
            try await target.check(logged: words)
        }
    }

    @Test("peers with a certificate of a foreign authority, and the ring does without them")
    func foreignCertificate() async throws {
        let ring = try TestRing(2, further: TestCertificates.setting)
        let folder = "\(ring.folder.path)/tls"
        try TestCertificates.authority(of: ring).issue(node: "n1").write(to: folder)
        let first = try await ring.startDaemon("n1")
        try TestCertificates.authority(of: ring).issue(node: "n2").write(to: folder)
        let second = try await ring.startDaemon("n2")
        try await ring.events("n1").first("member_changed") { $0["facts"]["state"] == "suspect" }
        for (node, daemon) in [("n1", first), ("n2", second)] {
            #expect(try await ring.control(node).ask("status")["node"] == .text(node))
            daemon.signal(SIGTERM)
            let end = await daemon.end()
            #expect(end.status == 0)
            #expect(end.errors.contains("CA did not issue"), "\(end.errors)")
        }
    }

    @Test(
        "lines at the control socket that are no requests",
        arguments: [
            ("no JSON", "bad_request"), ("[]", "bad_request"),
            (#"{"v":2,"id":1,"verb":"status"}"#, "unsupported_version"),
            (#"{"v":1,"id":1,"verb":"explode"}"#, "unknown_verb"),
            (#"{"v":1,"id":1,"verb":"status","x":1}"#, "bad_request"),
            (#"{"v":1,"id":1,"verb":"inject","what":"demand","vm":"nobody","cpu_millicores":1}"#, "refused"),
            (#"{"v":1,"id":1,"verb":"explain","vm":"nobody"}"#, "not_found"),
            (#"{"v":1,"id":1,"verb":"explain","isp":"n1#1.99"}"#, "not_found"),
            (#"{"v":1,"id":1,"verb":"adopt","vm":"nobody","fenced":"n2"}"#, "refused"),
            (#"{"v":1,"id":1,"verb":"apply","isp":"n1#1.99"}"#, "refused"),
            (#"{"v":1,"id":1,"verb":"inject","what":"overload"}"#, "refused"),
        ])
    func badRequests(line: String, code: String) async throws {
        let target = try await Target()
        let answer = try await target.ring.control("n1").exchange(line: line)
        #expect(answer["error"]["code"] == .text(code), "\(answer)")
        #expect(answer["error"]["message"].text?.isEmpty == false)
        try await target.check()
    }

    @Test("more connections to the control socket than it serves, of which the last is told so")
    func connectionTooMany() async throws {
        let target = try await Target()
        var clients: [ControlClient] = []
        // Each is answered before the next one comes: what waits to be accepted is limited, too.
        for _ in 1...128 { clients.append(try await Self.served(by: target)) }
        let refusal = try #require(try await target.ring.control("n1").firstLine())
        #expect(refusal["error"]["code"] == "unavailable")
        #expect(refusal["error"]["message"].text?.contains("128 connections") == true, "\(refusal)")
        let dvms = try await ProgramProcess.run(
            .operatorTool, ["status", "--socket", "\(target.ring.folder.path)/n1.sock"])
        #expect(dvms.status != 0 && dvms.errors.contains("128 connections"), "\(dvms)")
        for client in clients { #expect(try await client.ask("version")["node"] == "n1") }
        // Here for the one that looks, and for the check.
        clients.removeLast(2)
        _ = try await Self.served(by: target)
        try await target.check(logged: "too many are open")
    }

    /// A connection that is served: whoever went before makes room as soon as the daemon notices.
    private static func served(by target: Target) async throws -> ControlClient {
        while true {
            let client = try await target.ring.control("n1")
            if (try? await client.ask("version")) != nil { return client }
        }
    }

    @Test("a line at the control socket that never ends")
    func endlessLine() async throws {
        let target = try await Target()
        let answer = try await target.ring.control("n1").exchange(line: String(repeating: "x", count: 2_000_000))
        #expect(answer["error"]["code"] == "bad_request", "\(answer)")
        try await target.check()
    }
}

private final class ByteCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(_ continuation: AsyncStream<ByteBuffer>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.continuation.yield(self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
