import ArgumentParser
import Basis
import ControlProtocol
import Foundation

struct ExplainCommand: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell the story of an ISP, or what became of a guest, from the node's journal.",
        discussion: "The node that started an ISP knows all of it: its name stands before the #.")

    @OptionGroup var options: DaemonOptions

    @Argument(
        help: ArgumentHelp("An ISP such as n1#3.2, or a guest.", valueName: "isp|vm"), transform: ArgumentText.name)
    var subject: String

    func run() throws {
        let subject: ControlSubject = Self.isISP(self.subject) ? .isp(self.subject) : .vm(self.subject)
        let report = ExplanationReport(
            clock: WallClockText(timeZone: .current), nowMilliseconds: SystemTimeSource().wallClockMilliseconds)
        try self.show(.explain(subject)) { report.text(of: $0, about: subject) }
    }

    /// Whether a name has the form `node#boot.sequence`.
    static func isISP(_ text: String) -> Bool {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 2, NodeID(String(parts[0])) != nil else { return false }
        let numbers = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 2 && numbers.allSatisfy { UInt64($0) != nil }
    }
}
