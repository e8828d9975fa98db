import NIOCore

/// What goes over the socket of a modelled host.
///
///     length u32 | version u8 | kind u8 | call u64 | body           big endian; length counts what follows it
///
/// A client sends requests, each with a call number of its own, and gets progress and one reply under that number. One
/// that says `listen` gets events as well. A source host sends stream messages and gets such back: one connection is
/// one migration.
struct ModelledFrame: Sendable {
    enum Kind: UInt8, Sendable {
        case request = 1
        case reply = 2
        case progress = 3
        case event = 4
        case stream = 5
        case listen = 6
    }

    var kind: Kind
    /// 0 where nothing is awaited.
    var call: UInt64
    var body: ByteBuffer

    static let version: UInt8 = 1
    /// The most that a length may say, in bytes: a sample of ``ModelledHostSettings/domainsMax`` domains fits.
    static let lengthMax = 16 << 20
    static let headerBytes = 10

    init(_ kind: Kind, call: UInt64 = 0, body: ByteBuffer = ByteBuffer()) {
        self.kind = kind
        self.call = call
        self.body = body
    }
}

/// Why bytes from a socket are not what they should be.
enum ModelledWireError: Error, Hashable, Sendable {
    case frameTooLong(bytes: Int, max: Int)
    case frameTooShort(bytes: Int)
    case unknownVersion(UInt8)
    case unknownTag(of: String, UInt8)
    case truncated
    case outOfRange(String)
    case leftOver(bytes: Int)
}

/// Cuts a byte stream into frames. Nothing is allocated for a length before the bytes are there.
struct ModelledFrameDecoder: ByteToMessageDecoder {
    typealias InboundOut = ModelledFrame

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return .needMoreData }
        guard length <= ModelledFrame.lengthMax else {
            throw ModelledWireError.frameTooLong(bytes: Int(length), max: ModelledFrame.lengthMax)
        }
        guard length >= ModelledFrame.headerBytes else { throw ModelledWireError.frameTooShort(bytes: Int(length)) }
        guard buffer.readableBytes >= 4 + Int(length) else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let (version, tag, call) = buffer.readMultipleIntegers(as: (UInt8, UInt8, UInt64).self),
            let body = buffer.readSlice(length: Int(length) - ModelledFrame.headerBytes)
        else { throw ModelledWireError.truncated }
        guard version == ModelledFrame.version else { throw ModelledWireError.unknownVersion(version) }
        guard let kind = ModelledFrame.Kind(rawValue: tag) else {
            throw ModelledWireError.unknownTag(of: "frame", tag)
        }
        context.fireChannelRead(Self.wrapInboundOut(ModelledFrame(kind, call: call, body: body)))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        // What a dying peer did not finish is of no use.
        .needMoreData
    }
}

struct ModelledFrameEncoder: MessageToByteEncoder {
    typealias OutboundIn = ModelledFrame

    func encode(data: ModelledFrame, out: inout ByteBuffer) throws {
        var body = data.body
        let length = ModelledFrame.headerBytes + body.readableBytes
        guard length <= ModelledFrame.lengthMax else {
            throw ModelledWireError.frameTooLong(bytes: length, max: ModelledFrame.lengthMax)
        }
        out.writeMultipleIntegers(UInt32(length), ModelledFrame.version, data.kind.rawValue, data.call)
        out.writeBuffer(&body)
    }
}

/// Hands the frames of one connection, and its end, to whoever owns it. Bytes that are no frames end it.
final class ModelledConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ModelledFrame

    private let onFrame: (ModelledFrame) throws -> Void
    private let onEnd: (String) -> Void
    private var reason = "the other end closed the connection"

    /// Both are called on the event loop of the channel; `onEnd` once, and after every frame.
    init(onFrame: @escaping (ModelledFrame) throws -> Void, onEnd: @escaping (String) -> Void) {
        self.onFrame = onFrame
        self.onEnd = onEnd
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try self.onFrame(Self.unwrapInboundIn(data))
        } catch {
            self.fail(context, error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(context, error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.onEnd(self.reason)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: any Error) {
        self.reason = "\(error)"
        context.close(promise: nil)
    }
}

extension Channel {
    /// Makes frames of bytes and back, and hands them to `handler`. On the event loop of the channel only.
    func serve(_ handler: ModelledConnectionHandler) throws {
        try self.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(ModelledFrameDecoder(), maximumBufferSize: 4 + ModelledFrame.lengthMax),
            MessageToByteHandler(ModelledFrameEncoder()),
            handler,
        ])
    }
}
