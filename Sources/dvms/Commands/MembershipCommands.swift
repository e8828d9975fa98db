import ArgumentParser
import Basis
import ControlProtocol

struct JoinCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Join a ring through one of its members.")

    @OptionGroup var options: DaemonOptions

    @Option(
        help: ArgumentHelp("A member, and where it listens for other agents.", valueName: "node=host:port"),
        transform: Seed.init)
    var seed: Seed

    @Option(help: "The site of that member, if it has one.", transform: ArgumentText.name)
    var site: String?

    @Option(help: "The rack of that member, if it has one.", transform: ArgumentText.name)
    var rack: String?

    struct Seed {
        var node: NodeID
        var address: String

        init(_ text: String) throws {
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, !sides[1].isEmpty else {
                throw ValidationError("'\(text)' is not a member as in n2=10.0.0.2:7400")
            }
            self.node = try ArgumentText.node(sides[0])
            self.address = try ArgumentText.name(sides[1])
        }
    }

    func run() throws {
        let seed = ControlSeed(node: self.seed.node, address: self.seed.address, site: self.site, rack: self.rack)
        try self.carryOut(.join(seed), "joining through \(seed.node); `dvms ring` shows who is there")
    }
}

struct LeaveCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave", abstract: "Leave the ring. The daemon and its guests run on.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.leave, "leaving the ring; `dvms join` brings the node back")
    }
}

struct ReloadCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Read the config file and the certificates again, as SIGHUP does.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.reload, "reloaded")
    }
}
