import ControlProtocol
import Journal
import Logging
import NIOCore

/// One connection to the control socket: requests one after the other, each with its answer.
struct ControlConnection: Sendable {
    private let channel: ControlSocket.Connection
    private let service: ControlService
    private let log: Logger

    init(_ channel: ControlSocket.Connection, _ service: ControlService, _ log: Logger) {
        self.channel = channel
        self.service = service
        self.log = log
    }

    func serve() async {
        do {
            try await self.channel.executeThenClose { inbound, outbound in
                var lines = ControlLines(inbound.makeAsyncIterator())
                while let piece = try await lines.next() {
                    let answered = try await self.answer(piece, outbound)
                    guard let (id, events) = answered else { continue }
                    try await Self.follow(events, as: id, until: &lines, outbound)
                    return
                }
            }
        } catch {
            // The client went away: it is nobody's loss.
            self.log.debug("a control connection broke", metadata: ["reason": "\(error)"])
        }
    }

    /// - Returns: the events that are to follow the answer's first part, for a request that follows.
    private func answer(
        _ piece: ControlLineSplitter.Piece, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> (id: UInt64, events: FollowedEvents)? {
        let numbered: ControlLine.NumberedRequest
        do throws(ControlRequestError) {
            switch piece {
            case .tooLong:
                throw ControlRequestError(id: nil, .lineTooLong(bytesMax: ControlLimits.lineBytesMax))
            case .line(let bytes):
                numbered = try ControlLine.request(from: bytes)
            }
        } catch {
            try await outbound.write(ControlLine.bytes(error: error.problem.answer, id: error.id))
            return nil
        }
        self.log.debug("asked", metadata: ["verb": "\(numbered.request.verb.rawValue)"])
        switch await self.service.answer(numbered.request) {
        case .done(let value):
            try await outbound.write(ControlLine.bytes(ok: value, id: numbered.id))
        case .failed(let error):
            try await outbound.write(ControlLine.bytes(error: error, id: numbered.id))
        case .events(let events):
            for event in events { try await outbound.write(ControlLine.bytes(item: event, id: numbered.id)) }
            try await outbound.write(ControlLine.bytes(ok: ControlDone(), id: numbered.id))
        case .following(let stream):
            return (numbered.id, stream)
        }
        return nil
    }

    private static func tell(
        _ events: FollowedEvents, as id: UInt64, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        do {
            try await events.forEach { try await outbound.write(ControlLine.bytes(item: $0, id: id)) }
        } catch let error as JournalError {
            let words = ControlError(.unavailable, "the journal cannot be read: \(error)")
            try await outbound.write(ControlLine.bytes(error: words, id: id))
        }
    }

    /// Tells events until the client says anything or closes.
    private static func follow(
        _ events: FollowedEvents, as id: UInt64, until lines: inout ControlLines,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        // Leaving the scope cancels the telling.
        async let _: Void = Self.tell(events, as: id, outbound)
        _ = try await lines.next()
    }
}

/// The lines that a client sends.
private struct ControlLines {
    private var chunks: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var splitter = ControlLineSplitter()
    private var pieces: [ControlLineSplitter.Piece] = []

    init(_ chunks: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) {
        self.chunks = chunks
    }

    /// Nil when the client has closed.
    mutating func next() async throws -> ControlLineSplitter.Piece? {
        while self.pieces.isEmpty {
            guard let chunk = try await self.chunks.next(isolation: #isolation) else { return nil }
            self.pieces = self.splitter.split(chunk.readableBytesView)
        }
        return self.pieces.removeFirst()
    }
}

extension NIOAsyncChannelOutboundWriter<ByteBuffer> {
    fileprivate func write(_ line: [UInt8]) async throws {
        try await self.write(ByteBuffer(bytes: line))
    }
}
