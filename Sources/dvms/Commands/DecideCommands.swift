import ArgumentParser
import Basis
import ControlProtocol

struct ApplyCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Carry out a plan that `status` recommends.",
        discussion: "Its nodes are reserved and asked again first; a plan that no longer fits is refused.")

    @OptionGroup var options: DaemonOptions

    @Argument(help: .isp, transform: ArgumentText.name)
    var isp: String

    func run() throws {
        try self.show(.apply(isp: self.isp)) { (applied: ControlApplied) in
            "\(applied.isp) carries it out; `dvms explain \(applied.isp)` tells how it goes"
        }
    }
}

struct CancelCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End the ISP that this node started. Migrations under way come to their end.")

    @OptionGroup var options: DaemonOptions

    @Argument(help: ArgumentHelp("Only if it is this ISP.", valueName: "isp"), transform: ArgumentText.name)
    var isp: String?

    func run() throws {
        try self.carryOut(.cancel(isp: self.isp), "the ISP ends and releases its nodes")
    }
}

struct AdoptCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Let the copy of a guest in doubt run here.",
        discussion: """
            For a guest that stands paused here because the other node of its migration cannot be asked. If that node \
            runs it, there are two of it afterwards, on one disk: make sure that it is switched off.
            """)

    @OptionGroup var options: DaemonOptions

    @Argument(help: .guest, transform: ArgumentText.name)
    var vm: String

    @Option(
        name: .customLong("i-fenced"),
        help: ArgumentHelp("The other node, which you have made sure is off.", valueName: "node"),
        transform: ArgumentText.node)
    var fenced: NodeID

    func run() throws {
        try self.carryOut(.adopt(vm: self.vm, fenced: self.fenced), "\(self.vm) runs here".onOneLine)
    }
}

struct InjectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inject", abstract: "Make the node believe something, to see what it does.",
        subcommands: [Overload.self, Underload.self, Demand.self])

    @OptionGroup var options: DaemonOptions

    func run() throws {
        throw ValidationError("say what: overload, underload or demand")
    }

    struct Overload: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every guest counts as wanting more, until the ISP that it starts has ended.")

        @OptionGroup var options: DaemonOptions

        func run() throws {
            try self.carryOut(
                .inject(.overload), "the node counts as overloaded; `dvms events --follow` shows what it does")
        }
    }

    struct Underload: DaemonCommand {
        static let configuration = CommandConfiguration(abstract: "The node tries once to empty itself.")

        @OptionGroup var options: DaemonOptions

        func run() throws {
            try self.carryOut(
                .inject(.underload), "the node counts as underloaded; `dvms events --follow` shows what it does")
        }
    }

    struct Demand: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "A guest counts as wanting so much CPU, whatever is measured.")

        @OptionGroup var options: DaemonOptions

        @Argument(help: .guest, transform: ArgumentText.name)
        var vm: String

        @Option(help: ArgumentHelp("What it wants, in thousandths of a core.", valueName: "millicores"))
        var cpu: Int?

        @Flag(help: "Count what is measured again.")
        var clear = false

        func validate() throws {
            guard (self.cpu != nil) != self.clear else { throw ValidationError("say either --cpu or --clear") }
            guard self.cpu.map((0...ControlLimits.cpuMillicoresMax).contains) ?? true else {
                throw ValidationError("--cpu must be 0 to \(ControlLimits.cpuMillicoresMax)")
            }
        }

        func run() throws {
            let words = self.cpu.map { "\(self.vm) counts as wanting \($0) m" } ?? "\(self.vm) counts as measured again"
            try self.carryOut(.inject(.demand(vm: self.vm, cpuMillicores: self.cpu)), words.onOneLine)
        }
    }
}
