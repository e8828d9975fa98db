import ArgumentParser
import ControlProtocol
import Glibc
import NIOCore
import NIOPosix

/// What dvmsd asks of the daemon that runs: requests without arguments, of which none changes anything.
enum DaemonQuestion: String, CaseIterable, ExpressibleByArgument {
    case version, status, ring, vms

    /// How long the daemon may take to accept the connection.
    static let connectTimeout = TimeAmount.seconds(2)
    /// How long everything may take, from the first attempt to connect to the end of the answer.
    static let answerTimeout = TimeAmount.seconds(5)
    /// Of the only request on its connection.
    private static let id: UInt64 = 1

    private var request: ControlRequest {
        switch self {
        case .version: .version
        case .status: .status
        case .ring: .ring
        case .vms: .vms
        }
    }

    /// Asks the daemon that serves the control socket at `path`.
    ///
    /// - Returns: its answer, one line of JSON with `ok`, as it came and with its newline.
    func answer(at path: String) async throws(UnansweredQuestion) -> [UInt8] {
        let line: [UInt8]
        do {
            line = try await self.exchange(at: path)
        } catch {
            throw UnansweredQuestion(path: path, error)
        }
        let answer: ControlAnswer
        do throws(ControlAnswerError) {
            answer = try ControlLine.answer(from: line)
        } catch {
            throw UnansweredQuestion(path: path, reason: "\(error)")
        }
        switch answer.body {
        case .ok: return line + [UInt8(ascii: "\n")]
        case .error(let error): throw UnansweredQuestion(path: path, reason: error.message)
        case .item: throw UnansweredQuestion(path: path, reason: "what came back is the answer to something else")
        }
    }

    /// - Returns: the first line that comes back, without its newline.
    private func exchange(at path: String) async throws -> [UInt8] {
        let request = ControlLine.bytes(of: ControlLine.NumberedRequest(id: Self.id, self.request))
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: [UInt8].self)
        let timeout = eventLoop.scheduleTask(in: Self.answerTimeout) {
            answer.fail(UnansweredQuestion(path: path, waited: Self.answerTimeout))
        }
        let connecting = ClientBootstrap(group: eventLoop).connectTimeout(Self.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(QuestionHandler(request, answer))
                }
            }
            .connect(unixDomainSocketPath: path)
        connecting.cascadeFailure(to: answer)
        connecting.whenSuccess { channel in
            answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
        defer { timeout.cancel() }
        return try await answer.futureResult.get()
    }
}

/// Why there is no answer. The text is for whoever asked.
struct UnansweredQuestion: Error, CustomStringConvertible {
    var path: String
    var reason: String

    var description: String { "\(self.path): \(self.reason)" }
}

extension UnansweredQuestion {
    fileprivate init(path: String, _ error: any Error) {
        let reason =
            switch error {
            case let error as UnansweredQuestion: error.reason
            case ChannelError.connectTimeout(let time): Self(path: path, waited: time).reason
            case ChannelError.eof: Self.closed
            case let error as IOError: Self.reason(error.errnoCode)
            default: "\(error)"
            }
        self.init(path: path, reason: reason)
    }

    fileprivate init(path: String, waited: TimeAmount) {
        self.init(
            path: path, reason: "no answer within \(waited.nanoseconds / 1_000_000_000) s; its log may say why")
    }

    private static let closed =
        "the daemon closed the connection before it answered; only root and the user that runs it may ask"

    private static func reason(_ number: CInt) -> String {
        switch number {
        case ENOENT: "there is no such socket; is dvmsd running?"
        case ECONNREFUSED: "nobody listens there any more; start dvmsd again"
        case EACCES, EPERM: "permission denied; only root and the user that runs dvmsd may ask"
        case EPIPE, ECONNRESET: Self.closed
        default: String(cString: strerror(number))
        }
    }
}

/// Sends one request, and gives away the first line that comes back, or why none does.
private final class QuestionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: [UInt8]
    /// May be given several times, of which the first counts.
    private let answer: EventLoopPromise<[UInt8]>
    private var splitter = ControlLineSplitter()

    init(_ request: [UInt8], _ answer: EventLoopPromise<[UInt8]>) {
        self.request = request
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: self.request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.splitter.split(self.unwrapInboundIn(data).readableBytesView).first {
        case .line(let line): self.answer.succeed(line)
        case .tooLong: self.answer.fail(ControlAnswerError.lineTooLong)
        case nil: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.fail(ChannelError.eof)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.answer.fail(error)
    }
}
