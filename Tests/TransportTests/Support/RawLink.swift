import Basis
import NIOCore
import NIOPosix
import NIOSSL
import Transport

/// A connection over which a test sends whatever it wants and sees every frame that comes.
struct RawLink {
    let channel: any Channel
    let frames: AsyncStream<Frame>

    static func dial(_ address: PeerAddress, tls: NIOSSLContext? = nil) async throws -> RawLink {
        let (stream, continuation) = AsyncStream.makeStream(of: Frame.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(FrameCollector(continuation))
                }
            }
            .connect(host: address.host, port: Int(address.port)).get()
        return RawLink(channel: channel, frames: stream)
    }

    func send(_ frame: Frame) async throws {
        var bytes = ByteBuffer()
        frame.encode(into: &bytes)
        try await self.send(bytes)
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await self.channel.writeAndFlush(bytes)
    }

    func sendHello(_ node: NodeID, boot: UInt64 = 1, cluster: String = "test") async throws {
        let hello = Hello(identity: TransportIdentity(node: node, cluster: cluster, boot: boot))
        try await self.send(Frame(.hello, body: hello.encoded()))
    }

    /// The next frame that is of none of `ignored`; nil when the connection has ended.
    func next(ignoring ignored: Set<UInt8> = []) async -> Frame? {
        for await frame in self.frames where !ignored.contains(frame.rawKind) {
            return frame
        }
        return nil
    }
}

/// A listener that hands each accepted connection to the test.
struct RawListener {
    let channel: any Channel
    let links: AsyncStream<RawLink>

    static func listen() async throws -> RawListener {
        let (stream, continuation) = AsyncStream.makeStream(of: RawLink.self)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (frames, collector) = AsyncStream.makeStream(of: Frame.self)
                    try channel.pipeline.syncOperations.addHandler(FrameCollector(collector))
                    continuation.yield(RawLink(channel: channel, frames: frames))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RawListener(channel: channel, links: stream)
    }

    var address: PeerAddress {
        PeerAddress(host: "127.0.0.1", port: UInt16(self.channel.localAddress?.port ?? 0))
    }

    func accept() async -> RawLink? {
        for await link in self.links { return link }
        return nil
    }
}

private final class FrameCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var decoder = FrameDecoder(frameBytesMax: 1_048_576)
    private let continuation: AsyncStream<Frame>.Continuation

    init(_ continuation: AsyncStream<Frame>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.append(self.unwrapInboundIn(data))
        do {
            while let frame = try self.decoder.next() {
                self.continuation.yield(frame)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
