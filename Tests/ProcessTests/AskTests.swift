import Foundation
import NIOCore
import NIOPosix
import Testing

/// Goal: a node can be asked on which there is no `dvms`.
/// Method: `dvmsd --ask` beside daemons that run, beside none, and beside what only looks like one.
@Suite("dvmsd --ask", .timeLimit(.minutes(1)))
struct AskTests {
    private func ask(_ ring: TestRing, _ request: String) async throws -> ProgramProcess.End {
        try await ProgramProcess.run(.daemon, ["--config", ring.config, "--node", "n1", "--ask", request])
    }

    @Test("prints the answer of the daemon that runs as one line of JSON, and leaves it running")
    func answers() async throws {
        let running = try await RunningRing(
            TestRing(2, further: "mode: recommend"), guests: ["n1": ["a:cpu=700,memory=512", "b:cpu=50,memory=256"]])
        let vms = try await self.ask(running.ring, "vms")
        #expect(vms.status == 0 && vms.errors.isEmpty, "\(vms)")
        #expect(vms.output.filter(\.isNewline).count == 1)
        let guests = try JSON(vms.output)["vms"].elements
        #expect(guests.map { $0["vm"] } == ["a", "b"])
        #expect(guests.map { $0["demand"]["cpu_millicores"] } == [700, 50])
        let status = try await self.ask(running.ring, "status")
        #expect(try status.status == 0 && JSON(status.output)["node"] == "n1", "\(status)")
        let ring = try await self.ask(running.ring, "ring")
        #expect(try JSON(ring.output)["members"].elements.count == 2, "\(ring)")
        let version = try await self.ask(running.ring, "version")
        #expect(try JSON(version.output)["cluster"] == "test", "\(version)")
        #expect(try await running.ring.control("n1").ask("status")["node"] == "n1")
        await running.stop()
    }

    @Test("says that no daemon runs: before one did, after it ended, and after it was killed")
    func nobody() async throws {
        let ring = try TestRing(2)
        func expectNobody(_ words: String) async throws {
            let end = try await self.ask(ring, "vms")
            #expect(end.status == 1 && end.output.isEmpty, "\(end)")
            #expect(end.errors == "dvmsd: \(ring.controlSocket("n1")): \(words)\n")
        }
        try await expectNobody("there is no such socket; is dvmsd running?")
        let first = try await ring.startDaemon("n1")
        first.signal(SIGTERM)
        _ = await first.end()
        try await expectNobody("there is no such socket; is dvmsd running?")
        let second = try await ring.startDaemon("n1")
        second.signal(SIGKILL)
        _ = await second.end()
        try await expectNobody("nobody listens there any more; start dvmsd again")
    }

    @Test(
        "takes no request that would change something, and none that does not exist",
        arguments: ["drain", "events", "vsm", ""])
    func unknownRequest(request: String) async throws {
        let end = try await self.ask(try TestRing(2), request)
        #expect(end.status == 64 && end.output.isEmpty, "\(end)")
        #expect(end.errors.contains("--ask"), "\(end.errors)")
    }

    @Test("names what is wrong with the config")
    func badConfig() async throws {
        let ring = try TestRing(2, further: "mod: auto")
        let end = try await self.ask(ring, "vms")
        #expect(end.status == 2 && end.errors.contains("did you mean mode?"), "\(end)")
    }

    @Test(
        "says what came back instead of an answer",
        arguments: [
            ("", "dvmsd closed the connection before it answered"),
            ("{\"id\":1,\"ok\":{}", "dvmsd closed the connection before it answered"),
            (#"{"error":{"code":"unavailable","message":"not now"},"id":1,"v":1}"# + "\n", "not now"),
            ("hello\n", "what came back is no answer of a daemon: hello"),
            (#"{"id":1,"item":{},"v":1}"# + "\n", "an answer to another request came back"),
            (#"{"id":1,"ok":{},"v":9}"# + "\n", "in version 9 of the control protocol"),
        ])
    func noAnswer(bytes: String, words: String) async throws {
        let ring = try TestRing(2)
        let impostor = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CannedAnswer(bytes))
                }
            }
            .bind(unixDomainSocketPath: ring.controlSocket("n1")).get()
        let end = try await self.ask(ring, "vms")
        #expect(end.status == 1 && end.output.isEmpty, "\(end)")
        #expect(end.errors.contains(words), "\(end.errors)")
        try await impostor.close()
    }
}

/// Whatever comes first is answered by the same bytes, and then the connection is closed.
private final class CannedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: String

    init(_ bytes: String) {
        self.bytes = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.bytes)), promise: nil)
        context.close(promise: nil)
    }
}
