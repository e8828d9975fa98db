import ControlProtocol
import Foundation
import Glibc
import Testing

/// A folder of its own, whose path is short enough for sockets; gone with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/dvms-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        self.path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}

/// A control socket behind which each connection gets the same answer to its first line.
final class FakeDaemon: Sendable {
    let path: String
    private let listener: Int32

    private static let backlog: Int32 = 8

    /// - Parameter answer: the bytes to be sent, after which the connection is closed.
    init(in folder: TemporaryFolder, answer: @escaping @Sendable ([UInt8]) -> [UInt8]) throws {
        let path = "\(folder.path)/n1.sock"
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(listener, Self.backlog) == 0)
        Thread.detachNewThread {
            while true {
                let connection = accept(listener, nil, nil)
                // Closed here and nowhere else: meanwhile its number might be another's, whose connections would be taken.
                guard connection >= 0 else {
                    close(listener)
                    return
                }
                Self.serve(connection, answer)
                close(connection)
            }
        }
    }

    deinit {
        // Wakes the thread, which then ends.
        shutdown(self.listener, Int32(SHUT_RDWR))
    }

    private static func serve(_ connection: Int32, _ answer: ([UInt8]) -> [UInt8]) {
        var splitter = ControlLineSplitter()
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return }
            guard case .line(let line)? = splitter.split(chunk[..<count]).first else { continue }
            var rest = answer(line)[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard sent > 0 else { return }
                rest = rest.dropFirst(sent)
            }
            return
        }
    }
}

/// One run of the program that was built beside the tests.
struct ProgramRun {
    var status: Int32
    var output: String
    var errors: String

    init(_ arguments: String...) throws {
        try self.init(arguments)
    }

    /// - Parameters:
    ///   - environment: besides that of the tests, or in its place.
    ///   - program: one of those that are built.
    init(_ arguments: [String], environment: [String: String] = [:], program: String = "dvms") throws {
        let process = Process()
        let tests = URL(fileURLWithPath: CommandLine.arguments.first ?? "")
        process.executableURL = tests.deletingLastPathComponent().appendingPathComponent(program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Answers are short enough for a pipe, so that neither side waits for the other.
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        self.errors = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        self.status = process.terminationStatus
    }
}
