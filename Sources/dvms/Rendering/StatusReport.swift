package import ControlProtocol

/// What `dvms status` shows.
package enum StatusReport {
    package static func text(of status: ControlStatus) -> String {
        var parts = [Self.summary(of: status), Self.resources(of: status)]
        if !status.inDoubt.isEmpty { parts.append(Self.guestsInDoubt(status.inDoubt)) }
        parts += status.recommendations.map(Self.recommendation)
        return parts.joined(separator: "\n\n")
    }

    private static func summary(of status: ControlStatus) -> String {
        var lines = LabelledLines()
        lines.add(
            "node",
            "\(status.node), boot \(status.boot), up \(Figures.duration(milliseconds: status.uptimeMilliseconds))")
        let marks = [("paused", status.isPaused), ("draining", status.isDraining), ("leaving", status.isLeaving)]
        lines.add("mode", ([status.mode] + marks.filter(\.1).map(\.0)).joined(separator: ", "))
        lines.add("hypervisor", status.hypervisor ?? "does not answer: its load is the last one known")
        lines.add("ring", "\(status.liveMembers) of \(Figures.count(status.members, "member")) alive")
        lines.add("guests", "\(status.vms)")
        lines.add("reservation", Self.reservation(of: status))
        if let isp = status.ownISP {
            lines.add("own ISP", "\(isp), \(status.ownPhase ?? "under way"); `dvms explain \(isp)` tells more")
        }
        lines.add("triggers", status.triggers.isEmpty ? "none" : status.triggers.joined(separator: ", "))
        if status.refusedReturns > 0 {
            lines.add("kept back", "\(Figures.count(status.refusedReturns, "move")) back to where the guest came from")
        }
        Self.addTraffic(status.transport, to: &lines)
        return lines.text
    }

    private static func reservation(of status: ControlStatus) -> String {
        var text = status.reservation
        if let holder = status.heldBy {
            text += " for \(holder)"
            if let epoch = status.epoch { text += " under epoch \(epoch)" }
        }
        return status.flights > 0 ? "\(text), \(Figures.count(status.flights, "flight"))" : text
    }

    private static func addTraffic(_ traffic: ControlTraffic, to lines: inout LabelledLines) {
        lines.add(
            "transport",
            "\(Figures.count(traffic.connections, "connection")), \(Figures.count(traffic.timeouts, "time-out")), "
                + "refusals \(traffic.refusalsSent) sent, \(traffic.refusalsReceived) received")
        lines.goOn(
            "in \(Figures.count(traffic.framesIn, "frame")) (\(Figures.bytes(traffic.bytesIn))), "
                + "out \(Figures.count(traffic.framesOut, "frame")) (\(Figures.bytes(traffic.bytesOut)))")
    }

    private static func resources(of status: ControlStatus) -> String {
        var table = TextTable(
            .left("RESOURCE"), .right("LOAD"), .right("CAPACITY"), .right("RESERVED"), .right("LOAD %"))
        func add(_ name: String, _ amount: (ControlResources) -> Int, isUnlimitedAtZero: Bool) {
            let (load, capacity, reserved) = (amount(status.load), amount(status.capacity), amount(status.reserved))
            let isUnlimited = isUnlimitedAtZero && capacity == 0
            table.add(
                name, "\(load)", isUnlimited ? "unlimited" : "\(capacity)", "\(reserved)",
                // Amounts of the daemon are not trusted to be small.
                Figures.percent(
                    load, of: isUnlimited ? 0 : capacity.subtractingReportingOverflow(reserved).partialValue))
        }
        add("CPU (millicores)", \.cpuMillicores, isUnlimitedAtZero: false)
        add("memory (MiB)", \.memoryMiB, isUnlimitedAtZero: false)
        add("disk (KiB/s)", \.diskKiBPerSecond, isUnlimitedAtZero: true)
        add("network (KiB/s)", \.networkKiBPerSecond, isUnlimitedAtZero: true)
        return table.text
    }

    private static func guestsInDoubt(_ doubts: [ControlDoubt]) -> String {
        var table = TextTable(
            .left("GUEST"), .left("THIS NODE IS"), .left("OTHER NODE"), .left("PHASE"), .left("FOR"), .left("REASON"))
        for doubt in doubts {
            table.add(
                doubt.vm ?? "?", doubt.role, doubt.peer, doubt.phase,
                Figures.duration(milliseconds: doubt.sinceMilliseconds), doubt.reason)
        }
        let heading = "In doubt: \(Figures.count(doubts.count, "guest")), settled as soon as the other node answers."
        // A source that knows what it decided waits for the other's word only.
        let adoptable = doubts.filter { $0.role == "destination" || $0.phase == "unknown" }
        guard let first = adoptable.first else { return "\(heading)\n\(table.text)" }
        return """
            \(heading)
            \(table.text)
            If the other node is off for certain, let the copy here run:
              dvms adopt \(ShellWord.quoted(first.vm ?? "GUEST")) --i-fenced \(ShellWord.quoted(first.peer))
            """
    }

    private static func recommendation(_ recommendation: ControlRecommendation) -> String {
        var table = TextTable(.left("GUEST"), .left("FROM"), .left("TO"), .left("BECAUSE"))
        for move in recommendation.migrations { table.add(move.vm, move.from, move.to, move.reason) }
        let age = Figures.duration(milliseconds: recommendation.ageMilliseconds)
        return """
            Recommended by \(recommendation.isp) against \(recommendation.trigger), \(age) ago: \
            \(Figures.count(recommendation.migrations.count, "migration")), \(recommendation.memoryMiB) MiB.
            \(table.text)
            To carry it out:
              dvms apply \(ShellWord.quoted(recommendation.isp))
            """
    }
}

/// Words of commands that an operator may copy into a shell.
package enum ShellWord {
    /// `text` as one word, whatever is in it.
    package static func quoted(_ text: String) -> String {
        let text = text.onOneLine
        let isPlain = !text.isEmpty && !text.hasPrefix("#") && text.utf8.allSatisfy(Self.isPlain)
        return isPlain ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "#"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "="):
            true
        default:
            false
        }
    }
}
