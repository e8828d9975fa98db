import Foundation
import Synchronization

/// Lines as they come from somewhere, kept from the first one on: whoever waits for a line sees those before as well.
final class LineFeed: Sendable {
    private struct State {
        var lines: [String] = []
        var unfinished = Data()
        var hasEnded = false
        var readers: [AsyncStream<String>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Takes more bytes in.
    func append(_ bytes: Data) {
        self.state.withLock { state in
            state.unfinished += bytes
            while let end = state.unfinished.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: state.unfinished[..<end], as: UTF8.self)
                state.unfinished = Data(state.unfinished[state.unfinished.index(after: end)...])
                state.lines.append(line)
                for reader in state.readers { reader.yield(line) }
            }
        }
    }

    /// Nothing more comes.
    func end() {
        self.state.withLock { state in
            state.hasEnded = true
            for reader in state.readers { reader.finish() }
            state.readers = []
        }
    }

    /// Every line, from the first on, until the end.
    var all: AsyncStream<String> {
        let (stream, continuation) = AsyncStream<String>.makeStream()
        self.state.withLock { state in
            for line in state.lines { continuation.yield(line) }
            if state.hasEnded { continuation.finish() } else { state.readers.append(continuation) }
        }
        return stream
    }

    /// The first line that is so; nil when the end comes without one.
    func first(where isWanted: (String) -> Bool) async -> String? {
        for await line in self.all where isWanted(line) { return line }
        return nil
    }

    /// Everything, once it has ended.
    func whole() async -> String {
        var text = ""
        for await line in self.all { text += line + "\n" }
        return text
    }
}
