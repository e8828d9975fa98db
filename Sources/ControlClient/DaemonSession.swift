package import ControlProtocol
import Glibc

/// Asks one daemon over its control socket, one request after the other. Blocks its thread meanwhile.
package struct DaemonSession: ~Copyable {
    /// A line of an answer.
    package enum Answer: Hashable, Sendable {
        /// One of several; more follows.
        case item(ControlPayload)
        /// The end of the answer.
        case ok(ControlPayload)
    }

    private let path: String
    private let waitSecondsMax: Int
    private var connection: SocketConnection
    private var lastID: UInt64 = 0

    /// - Parameters:
    ///   - path: of the control socket, at most 107 bytes.
    ///   - waitSecondsMax: how long the daemon may say nothing before it is given up, in seconds.
    package init(path: String, waitSecondsMax: Int) throws(DaemonFailure) {
        self.path = path
        self.waitSecondsMax = waitSecondsMax
        do {
            self.connection = try SocketConnection(path: path, timeoutSeconds: waitSecondsMax)
        } catch {
            throw Self.unreachable(path, error)
        }
    }

    /// Sends `request` and waits for its answer, which has no items.
    package mutating func ask(_ request: ControlRequest) throws(DaemonFailure) -> ControlPayload {
        try self.send(request)
        guard case .ok(let payload) = try self.nextAnswer() else { throw .ofAnotherRequest(self.path) }
        return payload
    }

    /// Sends `request`; ``nextAnswer()`` then reads its answer, line by line.
    package mutating func send(_ request: ControlRequest) throws(DaemonFailure) {
        self.lastID += 1
        do {
            try self.connection.send(ControlLine.bytes(of: ControlLine.NumberedRequest(id: self.lastID, request)))
        } catch {
            // A daemon that serves nobody more says so and closes, which may be before anything was sent.
            if case .error(let words)? = try? self.nextLine().body { throw .refused(words) }
            throw self.lost(error)
        }
        if case .events(let query) = request, query.follows { self.connection.waitForever() }
    }

    /// Waits for the next line of the answer to the last request.
    package mutating func nextAnswer() throws(DaemonFailure) -> Answer {
        let answer = try self.nextLine()
        guard answer.id == self.lastID || answer.id == nil else { throw .ofAnotherRequest(self.path) }
        switch answer.body {
        case .item(let item): return .item(item)
        case .ok(let payload): return .ok(payload)
        case .error(let error): throw .refused(error)
        }
    }

    private mutating func nextLine() throws(DaemonFailure) -> ControlAnswer {
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
                throw .notUnderstood("\(self.path): \(error)")
            }
        case .tooLong:
            throw .notUnderstood("\(self.path): \(ControlAnswerError.lineTooLong)")
        case nil:
            throw .unreachable("\(self.path): dvmsd closed the connection before it answered; has it stopped?")
        }
    }

    private func lost(_ error: SocketConnection.SystemError) -> DaemonFailure {
        switch error.number {
        case EAGAIN:
            .unreachable("\(self.path): dvmsd has not answered for \(self.waitSecondsMax) s; its log may say why")
        case EPIPE, ECONNRESET:
            .unreachable("\(self.path): dvmsd closed the connection; only root and the user that runs it may ask")
        default:
            .unreachable("\(self.path): the connection is lost: \(error.words)")
        }
    }

    private static func unreachable(_ path: String, _ error: SocketConnection.SystemError) -> DaemonFailure {
        let reason =
            switch error.number {
            case ENOENT: "there is no such socket; is dvmsd running?"
            case ECONNREFUSED: "nobody listens there any more; start dvmsd again"
            case EACCES, EPERM: "permission denied; only root and the user that runs dvmsd may ask"
            case ENOTSOCK, EPROTOTYPE: "this is no control socket"
            case ENAMETOOLONG: "the path of a socket has at most 107 bytes"
            case EAGAIN: "dvmsd does not accept the connection; its log may say why"
            default: error.words
            }
        return .unreachable("\(path): \(reason)")
    }
}
