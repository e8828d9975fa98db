import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A client of a daemon's control socket that writes lines and reads lines.
final class ControlClient: Sendable {
    private let channel: any Channel
    private let lines: LineFeed
    private let requests = Atomic(0)

    init(path: String) async throws {
        let lines = LineFeed()
        self.lines = lines
        self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LineHandler(feed: lines))
                }
            }
            .connect(unixDomainSocketPath: path).get()
    }

    deinit { self.channel.close(promise: nil) }

    /// What the daemon answers: `ok`, or an error.
    func ask(_ verb: String, _ arguments: [String: JSON] = [:]) async throws -> JSON {
        let id = try await self.send(verb, arguments)
        for await line in self.lines.all {
            let message = try JSON(line)
            guard message["id"].int == id, message["item"] == .null else { continue }
            guard message["error"] == .null else {
                throw Refusal(
                    code: message["error"]["code"].text ?? "", message: message["error"]["message"].text ?? "")
            }
            return message["ok"]
        }
        throw Refusal(code: "closed", message: "the daemon closed the control socket")
    }

    /// Sends a line as it is, and waits for the next one that comes.
    func exchange(line: String) async throws -> JSON {
        try await self.channel.writeAndFlush(ByteBuffer(string: line + "\n"))
        let answer = try #require(await self.lines.first { _ in true })
        return try JSON(answer)
    }

    /// The first line that comes, whatever was asked; nil when the daemon closes without one.
    func firstLine() async throws -> JSON? {
        guard let line = await self.lines.first(where: { _ in true }) else { return nil }
        return try JSON(line)
    }

    /// All events, those to come included. Nothing else can be asked over this connection afterwards.
    func events() async throws -> Events {
        let id = try await self.send("events", ["follow": true, "after": 0, "limit": 1])
        return Events(id: id, lines: self.lines, client: self)
    }

    private func send(_ verb: String, _ arguments: [String: JSON]) async throws -> Int {
        let id = self.requests.add(1, ordering: .relaxed).newValue
        let request = arguments.merging(["v": 1, "id": .int(id), "verb": .text(verb)]) { _, own in own }
        let line = try JSONEncoder().encode(JSON.object(request))
        try await self.channel.writeAndFlush(ByteBuffer(bytes: line + [UInt8(ascii: "\n")]))
        return id
    }

    struct Refusal: Error, Hashable {
        var code: String
        var message: String
    }

    /// Events of one daemon; what was awaited once can be awaited again.
    struct Events: Sendable {
        let id: Int
        let lines: LineFeed
        /// Whose connection they come over; it closes with its client.
        let client: ControlClient

        /// The first event of this kind after another one, if that is given, for which `isWanted` holds.
        @discardableResult
        func first(
            _ kind: String, after earlier: JSON? = nil, where isWanted: (JSON) -> Bool = { _ in true }
        ) async throws -> JSON {
            let sequence = earlier?["sequence"].int ?? 0
            for await line in self.lines.all {
                let message = try JSON(line)
                let event = message["item"]
                guard message["id"].int == self.id, event["kind"].text == kind, (event["sequence"].int ?? 0) > sequence,
                    isWanted(event)
                else { continue }
                return event
            }
            throw Refusal(code: "closed", message: "the daemon closed the control socket before \(kind)")
        }
    }
}

private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let feed: LineFeed

    init(feed: LineFeed) {
        self.feed = feed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.feed.append(Data(self.unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.feed.end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
