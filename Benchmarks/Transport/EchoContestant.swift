import NIOCore
import NIOPosix
import NIOSSL
import Transport

/// The least that NIO needs for the same frames: no correlation, no deadline, no task, no actor. Frames of one read
/// are answered by one write, as the transport does it.
struct EchoContestant: Contestant {
    private let listener: any Channel
    private let client: any Channel
    private let asker: NIOLoopBound<EchoAsker>

    init(_ contest: Case, on eventLoop: any EventLoop, certificates: BenchmarkCertificates) async throws {
        let contexts = contest.isEncrypted ? try EchoTLS(certificates) : nil
        self.listener = try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let contexts {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: contexts.server))
                    }
                    try channel.pipeline.syncOperations.addHandler(EchoAnswerer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let address = self.listener.localAddress else { throw UnexpectedReply() }
        let (channel, asker) = try await ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let contexts {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: contexts.client, serverHostname: nil))
                    }
                    let asker = EchoAsker(contest)
                    try channel.pipeline.syncOperations.addHandler(asker)
                    return (channel, NIOLoopBound(asker, eventLoop: channel.eventLoop))
                }
            }
        self.client = channel
        self.asker = asker
    }

    func run(seconds: Double) async throws -> Int {
        let asker = self.asker
        let eventLoop = self.client.eventLoop
        try await eventLoop.submit { asker.value.begin() }.get()
        return try await eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) { asker.value.end() }
            .futureResult.get()
    }

    func stop() async throws {
        try await self.client.close()
        try await self.listener.close()
    }
}

/// Both contexts, with the settings that the transport has.
private struct EchoTLS {
    let client: NIOSSLContext
    let server: NIOSSLContext

    init(_ certificates: BenchmarkCertificates) throws {
        func configured(_ base: TLSConfiguration, _ files: CertificateFiles) throws -> NIOSSLContext {
            var configuration = base
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(files.authority))
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(files.certificate)
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
            return try NIOSSLContext(configuration: configuration)
        }
        let files = certificates.files(of: BenchmarkCertificates.server)
        self.client = try configured(
            .makeClientConfiguration(), certificates.files(of: BenchmarkCertificates.client))
        self.server = try configured(
            .makeServerConfiguration(
                certificateChain: [], privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))),
            files)
    }
}

private final class EchoAnswerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var decoder = FrameDecoder(frameBytesMax: 1_048_576)
    private var outbound = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.append(self.unwrapInboundIn(data))
        do {
            while let frame = try self.decoder.next() {
                Frame(.reply, correlation: frame.correlation, body: frame.body).encode(into: &self.outbound)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard self.outbound.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.outbound), promise: nil)
        self.outbound.clear()
    }
}

private final class EchoAsker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let contest: Case
    private let body: ByteBuffer
    private var decoder = FrameDecoder(frameBytesMax: 1_048_576)
    private var outbound = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var isRunning = false
    private var roundTrips = 0
    private var lastCorrelation: UInt64 = 0

    init(_ contest: Case) {
        self.contest = contest
        self.body = ByteBuffer(repeating: 7, count: contest.bodyBytes)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func begin() {
        self.isRunning = true
        self.roundTrips = 0
        for _ in 0..<self.contest.inFlight {
            self.ask()
        }
        self.flush()
    }

    func end() -> Int {
        self.isRunning = false
        return self.roundTrips
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.append(self.unwrapInboundIn(data))
        do {
            while let frame = try self.decoder.next(), self.isRunning {
                guard frame.body.readableBytes == self.contest.bodyBytes else { throw UnexpectedReply() }
                self.roundTrips += 1
                self.ask()
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.flush()
    }

    private func ask() {
        self.lastCorrelation += 1
        Frame(.request, flags: 1, correlation: self.lastCorrelation, body: self.body).encode(into: &self.outbound)
    }

    private func flush() {
        guard self.outbound.readableBytes > 0, let context else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.outbound), promise: nil)
        self.outbound.clear()
    }
}
