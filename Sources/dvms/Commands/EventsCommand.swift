import ArgumentParser
import ControlClient
import ControlProtocol
import Foundation

struct EventsCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happened on the node, from its journal.",
        discussion: "Without --after, the newest events; with it, the oldest of those that came after that number.")

    @OptionGroup var options: DaemonOptions

    @Flag(help: "Go on with what happens, until interrupted.")
    var follow = false

    @Option(help: ArgumentHelp("Only events with a greater number.", valueName: "number"))
    var after: UInt64?

    @Option(
        help: ArgumentHelp(
            "How many past events at the most; with --after and --follow all are told.", valueName: "count"))
    var limit = ControlLimits.eventsDefault

    @Option(help: ArgumentHelp("Only events of this ISP.", valueName: "isp"), transform: ArgumentText.name)
    var isp: String?

    @Option(help: ArgumentHelp("Only events that concern this guest.", valueName: "vm"), transform: ArgumentText.name)
    var vm: String?

    func validate() throws {
        guard (0...ControlLimits.eventsMax).contains(self.limit) else {
            throw ValidationError("--limit must be 0 to \(ControlLimits.eventsMax)")
        }
    }

    func run() throws {
        var query = ControlEventQuery()
        query.after = self.after
        query.limit = self.limit
        query.follows = self.follow
        query.isp = self.isp
        query.vm = self.vm
        let report = EventReport(clock: WallClockText(timeZone: .current))
        var isFirst = true
        var session = try self.session()
        try session.send(.events(query))
        while case .item(let item) = try session.nextAnswer() {
            if self.options.json {
                try Console.write(item.text)
            } else {
                if isFirst { try Console.write(report.heading) }
                try Console.write(report.line(of: try self.value(of: item)))
            }
            isFirst = false
        }
        if isFirst, !self.options.json { Console.complain("dvms: no such event in the journal") }
    }
}
