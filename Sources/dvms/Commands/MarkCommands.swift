import ArgumentParser
import ControlProtocol

struct DrainCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Empty the node, and let no guest in. Holds over restarts, until `undrain`.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.drain, "draining; `dvms vms` shows what is still here")
    }
}

struct UndrainCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let guests in again. Those that left do not come back for that.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.undrain, "not draining any more")
    }
}

struct PauseCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no ISP and lend the node to none. Holds over restarts, until `resume`. What runs, ends.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.pause, "paused; guests run on where they are")
    }
}

struct ResumeCommand: DaemonCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "End `pause`.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try self.carryOut(.resume, "resumed")
    }
}
