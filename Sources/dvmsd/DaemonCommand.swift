import ArgumentParser
import Basis
import ControlProtocol
import Foundation
import Logging
import Settings

/// The daemon of one node: an agent of the ring, its hypervisor, its journal and its control socket.
@main
struct DaemonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dvmsd",
        abstract: "The agent of one node of a DVMS ring.",
        discussion: """
            Prints 'ready NODE ADDRESS CONTROL_SOCKET' when other agents and dvms can reach it. SIGTERM ends it in \
            good order: own migrations are finished or given up, nodes let go, the ring left. SIGHUP reads the config \
            and the certificates again. With --ask no daemon is started; the one that runs answers. Exit codes: \
            0 ended as told, or answered; 2 the config cannot be used; 64 the command line is not right; 1 anything \
            else, and with --ask no answer, or an error for one.
            """,
        version: ControlProduct.version)

    @Option(help: "The config file; configs/node.example.yaml shows every key.")
    var config: String

    @Option(help: "Which node of the ring this is, if the config does not say.", transform: Self.node)
    var node: NodeID?

    @Option(
        help: ArgumentHelp(
            "Print what the daemon that runs with this config answers, as a line of JSON.",
            valueName: "request"))
    var ask: DaemonQuestion?

    func run() async throws {
        // The journal and the sockets are for this user alone.
        umask(0o077)
        let settings: NodeSettings
        do {
            settings = try ConfigFile(path: self.config, node: self.node).read()
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            throw ExitCode(2)
        }
        if let question = self.ask { return try Self.ask(question, at: settings.controlSocket) }
        let level = Logger.Level(settings.logLevel)
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        var log = Logger(label: "dvmsd")
        log[metadataKey: "node"] = "\(settings.node)"
        do {
            try await Daemon.run(settings, config: ConfigFile(path: self.config, node: self.node), log: log)
        } catch {
            FileHandle.standardError.write(Data("dvmsd: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }

    private static func ask(_ question: DaemonQuestion, at path: String) throws {
        do {
            let answer = try question.answer(at: path)
            try FileHandle.standardOutput.write(contentsOf: Data("\(answer)\n".utf8))
        } catch {
            FileHandle.standardError.write(Data("dvmsd: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }

    private static func node(_ text: String) throws -> NodeID {
        guard let node = NodeID(text) else {
            throw ValidationError("'\(text)' is not a node name: 1 to \(NodeID.lengthMax) of a-z A-Z 0-9 . _ -")
        }
        return node
    }
}

/// The config file as it was named at the start, to be read then and at each reload.
struct ConfigFile: Sendable {
    let path: String
    let node: NodeID?

    func read() throws(InvalidSettings) -> NodeSettings {
        try NodeSettings.read(file: self.path, node: self.node, contentsOf: FileText.read)
    }
}

extension Logger.Level {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
