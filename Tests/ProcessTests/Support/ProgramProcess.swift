import Foundation
import Synchronization

/// One process of a program that was built beside the tests.
final class ProgramProcess: Sendable {
    enum Program: String {
        case daemon = "dvmsd"
        case operatorTool = "dvms"
        case modelledHost = "modelled-host"
    }

    /// How it ended.
    struct End: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    private let process = Process()
    /// The process works in it, so it must not go before.
    private let folder: TestFolder?
    private let exit: AsyncStream<Int32>
    let output = LineFeed()
    let errors = LineFeed()

    init(_ program: Program, _ arguments: [String], in folder: TestFolder? = nil) throws {
        self.folder = folder
        let (exit, sink) = AsyncStream<Int32>.makeStream()
        self.exit = exit
        self.process.executableURL = Self.buildFolder.appendingPathComponent(program.rawValue)
        self.process.arguments = arguments
        self.process.standardInput = FileHandle.nullDevice
        self.process.terminationHandler = { process in
            sink.yield(process.terminationStatus)
            sink.finish()
        }
        try Self.starts.withLock { _ in
            self.process.standardOutput = Self.pipe(into: self.output)
            self.process.standardError = Self.pipe(into: self.errors)
            try self.process.run()
        }
    }

    /// One start at a time: a process that starts meanwhile would inherit the pipes of the other, which then never end.
    private static let starts = Mutex(())

    deinit {
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
    }

    /// Runs a program to its end.
    static func run(_ program: Program, _ arguments: [String]) async throws -> End {
        await (try ProgramProcess(program, arguments)).end()
    }

    func signal(_ signal: Int32) { kill(self.process.processIdentifier, signal) }

    /// Waits for its end; may be asked once.
    func end() async -> End {
        var status: Int32 = -1
        for await ended in self.exit { status = ended }
        return End(status: status, output: await self.output.whole(), errors: await self.errors.whole())
    }

    /// Waits for its line `ready …`, which is returned; the errors when it ends without.
    func ready() async throws -> String {
        if let line = await self.output.first(where: { $0.hasPrefix("ready ") }) { return line }
        throw NotReady(errors: await self.errors.whole())
    }

    struct NotReady: Error {
        var errors: String
    }

    private static func pipe(into feed: LineFeed) -> Pipe {
        let pipe = Pipe()
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let bytes = handle.availableData
            guard bytes.isEmpty else {
                feed.append(bytes)
                return
            }
            handle.readabilityHandler = nil
            feed.end()
        }
        return pipe
    }

    /// Beside the test bundle.
    private static let buildFolder: URL = {
        URL(fileURLWithPath: CommandLine.arguments.first ?? "").deletingLastPathComponent()
    }()
}
