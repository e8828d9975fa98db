import ControlProtocol
import Glibc

/// Asks one daemon over its control socket.
struct DaemonSession: ~Copyable {
    /// How long a daemon may take before it is given up, in seconds.
    static let answerSecondsMax = 30

    private let path: String
    private var connection: SocketConnection
    private var lastID: UInt64 = 0

    init(path: String) throws(OperatorFailure) {
        self.path = path
        do {
            self.connection = try SocketConnection(path: path, timeoutSeconds: Self.answerSecondsMax)
        } catch {
            throw Self.unreachable(path, error)
        }
    }

    /// Sends `request` and waits for its answer.
    ///
    /// - Parameter onItem: is called with each item before the last line.
    mutating func ask(
        _ request: ControlRequest, onItem: (ControlPayload) throws(OperatorFailure) -> Void = { _ in }
    ) throws(OperatorFailure) -> ControlPayload {
        self.lastID += 1
        do {
            try self.connection.send(ControlLine.bytes(of: ControlLine.NumberedRequest(id: self.lastID, request)))
        } catch {
            // A daemon that serves nobody more says so and closes, which may be before anything was sent.
            if case .error(let words)? = try? self.nextAnswer().body { throw OperatorFailure(words) }
            throw self.lost(error)
        }
        if case .events(let query) = request, query.follows { self.connection.waitForever() }
        while true {
            let answer = try self.nextAnswer()
            guard answer.id == self.lastID || answer.id == nil else {
                throw OperatorFailure(.failed, "\(self.path): an answer to another request came back")
            }
            switch answer.body {
            case .item(let item): try onItem(item)
            case .ok(let payload): return payload
            case .error(let error): throw OperatorFailure(error)
            }
        }
    }

    private mutating func nextAnswer() throws(OperatorFailure) -> ControlAnswer {
        let piece: ControlLineSplitter.Piece?
        do {
            piece = try self.connection.nextPiece()
        } catch {
            throw self.lost(error)
        }
        switch piece {
        case .line(let line):
            do throws(ControlAnswerError) {
                return try ControlLine.answer(from: line)
            } catch {
                throw OperatorFailure(.failed, "\(self.path): \(error)")
            }
        case .tooLong:
            throw OperatorFailure(.failed, "\(self.path): \(ControlAnswerError.lineTooLong)")
        case nil:
            throw OperatorFailure(
                .unreachable, "\(self.path): dvmsd closed the connection before it answered; has it stopped?")
        }
    }

    private func lost(_ error: SocketConnection.SystemError) -> OperatorFailure {
        switch error.number {
        case EAGAIN:
            OperatorFailure(
                .unreachable, "\(self.path): dvmsd has not answered for \(Self.answerSecondsMax) s; its log may say why"
            )
        case EPIPE, ECONNRESET:
            OperatorFailure(
                .unreachable, "\(self.path): dvmsd closed the connection; only root and the user that runs it may ask")
        default:
            OperatorFailure(.unreachable, "\(self.path): the connection is lost: \(error.words)")
        }
    }

    private static func unreachable(_ path: String, _ error: SocketConnection.SystemError) -> OperatorFailure {
        let reason =
            switch error.number {
            case ENOENT: "there is no such socket; is dvmsd running?"
            case ECONNREFUSED: "nobody listens there any more; start dvmsd again"
            case EACCES, EPERM: "permission denied; run dvms as root or as the user that runs dvmsd"
            case ENOTSOCK, EPROTOTYPE: "this is no control socket"
            case ENAMETOOLONG: "the path of a socket has at most 107 bytes"
            case EAGAIN: "dvmsd does not accept the connection; its log may say why"
            default: error.words
            }
        return OperatorFailure(.unreachable, "\(path): \(reason)")
    }
}
