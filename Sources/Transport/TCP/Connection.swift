import Basis
import NIOCore
import NIOSSL

/// One TCP connection to one peer: bytes to frames and back, and what each frame means before it concerns a call.
///
/// Confined to the transport's event loop, like the ``PeerLinks`` that owns it. Frames to send collect in one buffer
/// that is written once per turn (``PeerLinks/endTurn()``).
///
/// What each frame touches is `@exclusivity(unchecked)` here and in the classes around. Safe because all of it is
/// used on one thread, and none is passed `inout` to something that calls back.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The node that was dialled; nil when the peer dialled.
    let meant: NodeID?
    /// Who the peer is, from its accepted hello on.
    private(set) var peer: TransportIdentity?
    /// Its name.
    @exclusivity(unchecked) private(set) var peerNode: NodeID?
    /// Requests of this side on this connection without an answer.
    @exclusivity(unchecked) var callsInFlight = 0
    /// Requests and one-way messages of the peer that are being handled.
    @exclusivity(unchecked) var serving = 0
    /// Nothing new is started here any more; it closes when both sides have said so and nothing is under way.
    @exclusivity(unchecked) var isRetiring = false
    private(set) var goodbyeSent = false
    private(set) var goodbyeReceived = false
    /// Whether it is being closed: nothing can be sent or heard on it any more.
    @exclusivity(unchecked) private(set) var isEnding = false
    /// Why it ends, from when that is known.
    private(set) var endReason: String?
    /// Whether it ends because the peer, or this side, did not accept a hello.
    private(set) var isRefused = false

    private let links: PeerLinks
    @exclusivity(unchecked) private var decoder: FrameDecoder
    @exclusivity(unchecked) private var outbound = ByteBuffer()
    /// Whether a flush at the end of this turn has been asked for.
    @exclusivity(unchecked) private var isFlushDue = false
    @exclusivity(unchecked) private var context: ChannelHandlerContext?
    private var remoteAddress = "an unknown address"
    private var handshakeTimer: Scheduled<Void>?
    /// Whether a frame has come since the last look, and how many looks in a row there was none.
    @exclusivity(unchecked) private var wasHeard = true
    private var silentIntervals = 0
    /// Whether a frame after the hello has come: only then the peer has accepted us too.
    @exclusivity(unchecked) private(set) var isProven = false

    init(links: PeerLinks, meant: NodeID?) {
        self.links = links
        self.meant = meant
        self.decoder = FrameDecoder(frameBytesMax: links.settings.frameBytesMax)
    }

    /// How the log names the other end.
    var remote: String {
        (self.peer?.node ?? self.meant).map { "\($0) at \(self.remoteAddress)" } ?? self.remoteAddress
    }

    /// Bytes of frames that the socket has not taken yet.
    var outboundBytes: Int { self.outbound.readableBytes }

    // MARK: Sending

    func send(_ frame: Frame) {
        guard self.context != nil, !self.isEnding else { return }
        frame.encode(into: &self.outbound)
        self.links.statistics.framesOut += 1
        self.links.statistics.bytesOut += UInt64(Frame.lengthBytes + Frame.headerBytes + frame.body.readableBytes)
        guard !self.isFlushDue else { return }
        self.isFlushDue = true
        self.links.needFlush(of: self)
    }

    /// Sends what answers a frame of the peer, and cuts off a peer that goes on asking and does not read: its answers
    /// would pile up here.
    func answer(_ frame: Frame) {
        self.send(frame)
        self.endIfUnread()
    }

    /// Whether more waits to be read by the peer than may; then the connection ends.
    @discardableResult
    func endIfUnread() -> Bool {
        guard self.outboundBytes > self.links.settings.outboundBytesMax else { return false }
        self.close("\(self.outboundBytes) bytes wait to be read by the peer")
        return true
    }

    func sendGoodbye() {
        guard !self.goodbyeSent, self.peer != nil else { return }
        self.goodbyeSent = true
        self.send(Frame(.goodbye))
    }

    /// Writes what has been collected, as far as the socket takes it.
    func flush() {
        self.isFlushDue = false
        guard let context, self.outbound.readableBytes > 0 else { return }
        while context.channel.isWritable,
            let piece = self.outbound.readSlice(length: min(self.outbound.readableBytes, Self.pieceBytes)),
            piece.readableBytes > 0
        {
            context.write(self.wrapOutboundOut(piece), promise: nil)
        }
        context.flush()
        guard self.outbound.readableBytes == 0 else { return }
        if self.outbound.capacity > Self.pieceBytes {
            self.outbound = ByteBuffer()
        } else {
            self.outbound.clear()
        }
    }

    /// How much is handed to the socket at a time, in bytes: what it holds beyond its own limit, and what an idle
    /// connection keeps for its next frames.
    private static let pieceBytes = 262_144

    /// Ends the connection; everything under way on it is lost at once, though TLS may take a while to close.
    func close(_ reason: String) {
        guard !self.isEnding else { return }
        self.end(reason)
        self.flush()
        self.context?.close(promise: nil)
    }

    /// Ends the connection even if it is one that was refused and whose peer does not go.
    func closeNow(_ reason: String) {
        self.close(reason)
        self.context?.close(promise: nil)
    }

    private func end(_ reason: String) {
        self.isEnding = true
        self.endReason = reason
        self.links.lost(self)
    }

    /// Tells the peer why, and waits for it to close: closing both ways could take the words away before it reads
    /// them. The handshake's timer ends the wait.
    func refuse(_ refusal: HelloRefusal) {
        self.isRefused = true
        self.send(Frame(.refusal, body: refusal.encoded()))
        self.end("\(refusal)")
        self.flush()
        self.context?.close(mode: .output, promise: nil)
    }

    func establish(_ peer: TransportIdentity) {
        self.peer = peer
        self.peerNode = peer.node
        self.handshakeTimer?.cancel()
        self.handshakeTimer = nil
    }

    /// Called once per ping interval.
    func look() {
        guard self.peer != nil else { return }
        guard !self.wasHeard else {
            self.wasHeard = false
            self.silentIntervals = 0
            return
        }
        self.silentIntervals += 1
        guard self.silentIntervals <= self.links.settings.silentIntervalsMax else {
            self.close("nothing was heard for \(self.silentIntervals) ping intervals")
            return
        }
        self.send(Frame(.ping))
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.handshakeTimer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        self.remoteAddress = context.remoteAddress?.description ?? self.remoteAddress
        self.links.opened(self)
        guard self.links.permits(context.remoteAddress) else {
            return self.close("plaintext is for loopback addresses only, unless insecure is set")
        }
        let timeout = TimeAmount(self.links.settings.handshakeTimeout)
        self.handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.closeNow("no hello within \(self.links.settings.handshakeTimeout)")
        }
        self.send(Frame(.hello, body: self.links.hello.encoded()))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isEnding else { return }
        self.wasHeard = true
        self.links.beginTurn()
        let bytes = self.unwrapInboundIn(data)
        self.links.statistics.bytesIn += UInt64(bytes.readableBytes)
        self.decoder.append(bytes)
        do throws(FrameError) {
            while !self.isEnding, let frame = try self.decoder.next() {
                self.links.statistics.framesIn += 1
                self.take(frame)
            }
        } catch {
            self.close("\(error)")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.links.endTurn()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.close(FailureText.of(error))
        // A read that failed halfway may never be said to be complete.
        self.links.endTurn()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !self.isEnding {
            self.end("the peer closed the connection")
        }
        self.links.closed(self)
        self.links.endTurn()
    }

    // MARK: Frames

    private func take(_ frame: Frame) {
        guard frame.version == Frame.version else { return self.refuse(frame, as: .unsupportedVersion) }
        guard let kind = frame.kind else { return self.refuse(frame, as: .unknownKind) }
        guard self.peerNode != nil else { return self.takeBeforeHello(frame, kind) }
        if !self.isProven, frame.correlation != 0 || kind != .refusal {
            self.isProven = true
            self.links.proven(self)
        }
        switch kind {
        case .hello:
            self.close("a second hello")
        case .request:
            self.links.serve(frame, on: self)
        case .reply:
            self.links.replied(frame, on: self)
        case .oneway:
            self.links.take(frame, on: self)
        case .refusal:
            self.takeRefusal(frame)
        case .ping where frame.flags & Frame.pingAnswer == 0:
            self.answer(Frame(.ping, flags: Frame.pingAnswer, correlation: frame.correlation))
        case .ping:
            // An answer: that it came is all that it says.
            break
        case .goodbye:
            self.goodbyeReceived = true
            self.links.retire(self)
        }
    }

    private func takeBeforeHello(_ frame: Frame, _ kind: FrameKind) {
        switch kind {
        case .hello:
            do throws(CodecError) {
                self.links.greeted(by: try Hello(decoding: frame.body), on: self)
            } catch {
                self.close("its hello is malformed: \(error)")
            }
        case .refusal:
            self.takeRefusal(frame)
        case .request, .reply, .oneway, .ping, .goodbye:
            self.close("its first frame is a \(kind), not a hello")
        }
    }

    private func takeRefusal(_ frame: Frame) {
        guard frame.correlation == 0 else { return self.links.refused(frame, on: self) }
        // The whole connection when it carries a reason; otherwise some frame of ours that expected no answer.
        guard let reason = HelloRefusal.reason(decoding: frame.body) else { return }
        self.links.statistics.refusalsReceived += 1
        self.isRefused = true
        self.close("refused by the peer: of us it says that \(reason)")
    }

    /// Answers a frame that this version cannot take, except a refusal: two versions must not refuse in turn for ever.
    private func refuse(_ frame: Frame, as refusal: Refusal) {
        guard frame.kind != .refusal else { return }
        self.refuse(frame.correlation, as: refusal)
    }

    func refuse(_ correlation: UInt64, as refusal: Refusal) {
        self.links.statistics.refusalsSent += 1
        self.answer(Frame(.refusal, correlation: correlation, body: ByteBuffer(integer: refusal.rawValue)))
    }

    /// The verified DNS names of the peer; nil without TLS.
    var certificateNames: [String]? {
        guard self.links.isEncrypted, let context else { return nil }
        return (try? context.pipeline.syncOperations.nioSSL_peerCertificate())?.dnsNames ?? []
    }
}
