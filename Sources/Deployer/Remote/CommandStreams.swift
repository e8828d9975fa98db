import Basis
import Subprocess
import Synchronization

/// What a command reads, opened before anything is started.
struct CommandInput: Sendable {
    private static let pieceBytes = 256 * 1_024

    private let source: Source

    private enum Source: Sendable {
        case bytes([UInt8])
        case file(LocalFile)
        case ranges([HostCommand.FileRange], LocalFile)
    }

    init(_ input: HostCommand.Input) throws(HostShellFailure) {
        switch input {
        case .none: self.source = .bytes([])
        case .bytes(let bytes): self.source = .bytes(bytes)
        case .file(let path): self.source = .file(try LocalFile(reading: path))
        case .ranges(let ranges, let path): self.source = .ranges(ranges, try LocalFile(reading: path))
        }
    }

    func write(after head: [UInt8], to writer: StandardInputWriter) async throws {
        switch self.source {
        case .bytes(let bytes):
            _ = try await writer.write(head + bytes)
        case .file(let file):
            _ = try await writer.write(head)
            while let piece = try file.read(upTo: Self.pieceBytes) {
                _ = try await writer.write(piece)
            }
        case .ranges(let ranges, let file):
            _ = try await writer.write(head)
            for range in ranges {
                if !range.head.isEmpty { _ = try await writer.write(range.head) }
                let end = range.offset + range.count
                var place = range.offset
                while place < end, let piece = try file.read(upTo: min(Self.pieceBytes, end - place), at: place) {
                    _ = try await writer.write(piece)
                    place += piece.count
                }
            }
        }
        try await writer.finish()
    }
}

/// Where the two streams of a command go, and whether their ends were told.
final class CommandSink: Sendable {
    enum Stream: Int {
        case output
        case errors
    }

    private struct State {
        var streams: [EnvelopedStream]
        var kept: [KeptBytes]
        var failure: HostShellFailure?
    }

    private let state: Mutex<State>
    private let file: LocalFile?
    private let bytesMax: Int
    private let tellings: AsyncStream<Void>
    private let teller: AsyncStream<Void>.Continuation

    init(_ command: HostCommand, nonce: String) throws(HostShellFailure) {
        switch command.output {
        case .kept: self.file = nil
        case .file(let path): self.file = try LocalFile(writing: path)
        }
        self.bytesMax = command.outputBytesMax
        self.state = Mutex(
            State(
                streams: Array(repeating: EnvelopedStream(nonce: nonce), count: 2),
                kept: Array(repeating: KeptBytes(bytesMax: command.outputBytesMax), count: 2)))
        (self.tellings, self.teller) = AsyncStream.makeStream()
    }

    func take(_ bytes: [UInt8], from stream: Stream) {
        self.state.withLock { state in
            let hadBegun = state.streams[stream.rawValue].hasBegun
            let own = state.streams[stream.rawValue].take(bytes)
            // Until now it was kept as the words of somebody who did not let the command begin.
            if !hadBegun, state.streams[stream.rawValue].hasBegun {
                state.kept[stream.rawValue] = KeptBytes(bytesMax: self.bytesMax)
            }
            self.keep(own, of: stream, in: &state)
            if state.streams.allSatisfy({ $0.status != nil }) { self.teller.finish() }
        }
    }

    /// Both streams are over, with or without their marks.
    func close() {
        self.state.withLock { state in
            for stream in [Stream.output, .errors] {
                let held = state.streams[stream.rawValue].finish()
                self.keep(held, of: stream, in: &state)
            }
        }
        self.teller.finish()
    }

    /// Returns when nothing more of the command can come, or when the calling task is cancelled.
    func bothEndsTold() async {
        for await _ in self.tellings {}
    }

    private func keep(_ bytes: [UInt8], of stream: Stream, in state: inout State) {
        guard stream == .output, state.streams[stream.rawValue].hasBegun, let file = self.file else {
            state.kept[stream.rawValue].append(bytes)
            return
        }
        guard state.failure == nil else { return }
        do throws(HostShellFailure) {
            try file.write(bytes)
        } catch {
            state.failure = error
        }
    }

    /// Why the output could not be written to its file.
    var failure: HostShellFailure? { self.state.withLock { $0.failure } }

    /// The command's end as both streams told it; nil when one did not, or when the script did not arrive whole.
    var status: Int? {
        self.state.withLock { state in
            guard let status = state.streams[0].status, state.streams[1].status == status, status <= 255 else {
                return nil
            }
            return status
        }
    }

    var errorText: String { self.state.withLock { String(decoding: $0.kept[1].bytes, as: UTF8.self) } }

    func result(status: Int, duration: Duration) -> CommandResult {
        self.state.withLock { state in
            CommandResult(
                ending: CommandEnding(shellStatus: status), output: state.kept[0].bytes,
                outputBytesDropped: state.kept[0].droppedCount, errors: state.kept[1].bytes,
                errorBytesDropped: state.kept[1].droppedCount, duration: duration)
        }
    }
}
