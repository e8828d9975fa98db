import Foundation
import Glibc
import Synchronization

/// One process of a program that was built beside the tests.
///
/// Not Foundation's `Process`: where many are started at a time, its pipes do not always end with their processes.
final class ProgramProcess: Sendable {
    enum Program: String {
        case daemon = "dvmsd"
        case operatorTool = "dvms"
        case modelledHost = "modelled-host"
    }

    /// How it ended.
    struct End: Sendable {
        /// The exit code; the negative number of the signal that ended it.
        var status: Int32
        var output: String
        var errors: String
    }

    struct CannotStart: Error {
        var program: String
        var reason: String
    }

    struct NotReady: Error {
        var errors: String
    }

    private let process: ChildProcess
    /// The process works in it, so it must not go before.
    private let folder: TestFolder?
    let output = LineFeed()
    let errors = LineFeed()

    /// - Parameter limits: What a shell sets before it becomes the program, as `ulimit` takes it.
    init(
        _ program: Program, _ arguments: [String], in folder: TestFolder? = nil, limits: String? = nil
    ) throws {
        self.folder = folder
        let path = Self.buildFolder.appendingPathComponent(program.rawValue).path
        if let limits {
            let script = #"ulimit \#(limits) && exec "$0" "$@""#
            self.process = try ChildProcess(
                "/bin/sh", ["-c", script, path] + arguments, output: self.output, errors: self.errors)
        } else {
            self.process = try ChildProcess(path, arguments, output: self.output, errors: self.errors)
        }
    }

    deinit { self.process.signal(SIGKILL) }

    /// Runs a program to its end.
    static func run(_ program: Program, _ arguments: [String]) async throws -> End {
        let process = try ProgramProcess(program, arguments)
        return await process.end()
    }

    func signal(_ signal: Int32) { self.process.signal(signal) }

    /// Waits for its end; may be asked once.
    func end() async -> End {
        var status = Int32.min
        for await ended in self.process.exit { status = ended }
        return End(status: status, output: await self.output.whole(), errors: await self.errors.whole())
    }

    /// Waits for its line `ready …`, which is returned; the errors when it ends without.
    func ready() async throws -> String {
        if let line = await self.output.first(where: { $0.hasPrefix("ready ") }) { return line }
        throw NotReady(errors: await self.errors.whole())
    }

    /// Beside the test bundle.
    private static let buildFolder = URL(fileURLWithPath: CommandLine.arguments.first ?? "").deletingLastPathComponent()
}

/// A child of this process, with a thread that waits for its end, and one for each of its two streams.
private final class ChildProcess: Sendable {
    /// More than a process of tests has open at once.
    private static let descriptorsMax: Int32 = 1_024

    private let identifier: pid_t
    /// Once it is reaped its number may belong to another process.
    private let isReaped = Mutex(false)
    /// Its exit code, or the negative number of the signal that ended it.
    let exit: AsyncStream<Int32>

    init(_ path: String, _ arguments: [String], output: LineFeed, errors: LineFeed) throws {
        let (exit, sink) = AsyncStream<Int32>.makeStream()
        self.exit = exit
        let pipes = try [Self.makePipe(), Self.makePipe()]
        defer { for pipe in pipes { close(pipe.write) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipes[0].write, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, pipes[1].write, STDERR_FILENO)
        // Connections that SwiftNIO accepts are handed on to children: one that lives would keep another test's open.
        for descriptor in STDERR_FILENO + 1..<min(Self.descriptorsMax, getdtablesize()) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Threads of this process may block signals that the child must hear.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var identifier: pid_t = 0
        let failure = posix_spawn(&identifier, path, &actions, &attributes, &words, environ)
        guard failure == 0 else {
            for pipe in pipes { close(pipe.read) }
            throw ProgramProcess.CannotStart(program: path, reason: String(cString: strerror(failure)))
        }
        self.identifier = identifier
        for (pipe, feed) in zip(pipes, [output, errors]) {
            Thread.detachNewThread { Self.read(pipe.read, into: feed) }
        }
        Thread.detachNewThread { self.reap(sink) }
    }

    func signal(_ signal: Int32) {
        self.isReaped.withLock { isReaped in
            if !isReaped { kill(self.identifier, signal) }
        }
    }

    private func reap(_ sink: AsyncStream<Int32>.Continuation) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(self.identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        var status: Int32 = 0
        self.isReaped.withLock { isReaped in
            waitpid(self.identifier, &status, 0)
            isReaped = true
        }
        let signal = status & 0x7F
        sink.yield(signal == 0 ? (status >> 8) & 0xFF : -signal)
        sink.finish()
    }

    /// Both ends are closed in other children that start meanwhile, from the first moment on: therefore sockets, as
    /// the pipes that can be made from Swift are open in them at first.
    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw ProgramProcess.CannotStart(program: "socketpair", reason: String(cString: strerror(errno)))
        }
        return (ends[0], ends[1])
    }

    private static func read(_ descriptor: Int32, into feed: LineFeed) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            feed.append(Data(buffer[..<count]))
        }
        close(descriptor)
        feed.end()
    }
}
