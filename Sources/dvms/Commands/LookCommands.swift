import ArgumentParser
import ControlProtocol

struct StatusCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the node: load, reservation, triggers, guests in doubt, recommendations.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.show(.status, StatusReport.text)
    }
}

struct RingCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring", abstract: "Show the members of the ring, clockwise, as this node sees them.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.show(.ring, RingReport.text)
    }
}

struct GuestsCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "vms", abstract: "Show the guests of the node, what each wants, and whether it can migrate.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.show(.vms, GuestsReport.text)
    }
}

struct VersionCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of this program and of the daemon.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        if !self.options.json { try Console.write("dvms \(ControlProduct.version)") }
        try self.show(.version) { (version: ControlVersion) in
            "\(version.product), node \(version.node) of cluster \(version.cluster), "
                + "control protocol \(version.protocolMin) to \(version.protocolMax)"
        }
    }
}
