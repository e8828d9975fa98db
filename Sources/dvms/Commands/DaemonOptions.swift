import ArgumentParser
import Basis
import ControlClient
import ControlProtocol
import Foundation
import Settings

/// Which daemon a command is for, and how its answer is shown. May stand before the verb or after it.
struct DaemonOptions: ParsableArguments {
    /// How long a daemon may say nothing before it is given up, in seconds.
    static let waitSecondsMax = 30

    @Option(help: ArgumentHelp("The control socket of the daemon.", valueName: "path"))
    var socket: String?

    @Option(help: ArgumentHelp("The config file of the daemon, which names its control socket.", valueName: "file"))
    var config: String?

    @OptionGroup var chosen: NodeOption

    @Flag(help: "Print what the daemon answers, as JSON; of events one object a line.")
    var json = false

    var choice: SocketChoice {
        get throws {
            if let config = self.config {
                guard self.socket == nil else { throw ValidationError("--socket and --config exclude each other") }
                return .config(file: config, node: self.chosen.node)
            }
            guard self.chosen.node == nil else { throw ValidationError("--node goes with --config") }
            return self.socket.map { .path($0) } ?? .onlyOne
        }
    }
}

/// Which node of the ring a config file is read for.
struct NodeOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The node whose daemon is meant, where the config file serves several.", valueName: "id"),
        transform: ArgumentText.node)
    var node: NodeID?
}

/// A verb that a daemon carries out.
protocol DaemonCommand: ParsableCommand {
    var options: DaemonOptions { get }
}

extension DaemonCommand {
    func session() throws -> DaemonSession {
        let path = try self.options.choice.path(
            names: { try? FileManager.default.contentsOfDirectory(atPath: $0) }, contentsOf: FileText.read)
        return try DaemonSession(path: path, waitSecondsMax: DaemonOptions.waitSecondsMax)
    }

    /// Asks, and shows the answer.
    func show<Value: Decodable>(_ request: ControlRequest, _ text: (Value) -> String) throws {
        var session = try self.session()
        let payload = try session.ask(request)
        guard !self.options.json else { return try Console.write(payload.text) }
        try Console.write(text(try self.value(of: payload)))
    }

    func value<Value: Decodable>(of payload: ControlPayload) throws(OperatorFailure) -> Value {
        do {
            return try payload.value()
        } catch {
            throw OperatorFailure(.failed, "\(error)")
        }
    }

    /// Has something done, and says so.
    func carryOut(_ request: ControlRequest, _ words: String) throws {
        try self.show(request) { (_: ControlDone) in words }
    }
}

/// Arguments to values, with words for what is wrong with them.
enum ArgumentText {
    static func node(_ text: String) throws -> NodeID {
        guard let node = NodeID(text) else {
            throw ValidationError("'\(text)' is not a node name: 1 to \(NodeID.lengthMax) of a-z A-Z 0-9 . _ -")
        }
        return node
    }

    /// The name of a guest or of an ISP: what the daemon makes of it, it says itself.
    static func name(_ text: String) throws -> String {
        guard !text.isEmpty, text.utf8.count <= ControlLimits.textBytesMax else {
            throw ValidationError("a name has 1 to \(ControlLimits.textBytesMax) bytes")
        }
        return text
    }
}

extension ArgumentHelp {
    static let isp = ArgumentHelp("An ISP, as in n1#3.2: the second of n1 since its third start.", valueName: "isp")
    static let guest = ArgumentHelp("The name of a guest.", valueName: "vm")
}
