package import ControlProtocol

/// What `dvms explain` tells: what came of it first, then how.
package struct ExplanationReport: Sendable {
    private let clock: WallClockText
    private let nowMilliseconds: UInt64

    /// - Parameter nowMilliseconds: since 1970, for what has not ended.
    package init(clock: WallClockText, nowMilliseconds: UInt64) {
        self.clock = clock
        self.nowMilliseconds = nowMilliseconds
    }

    package func text(of explanation: ControlExplanation, about subject: ControlSubject) -> String {
        let text = self.told(explanation, about: subject)
        guard explanation.olderLeftOut == true else { return text }
        let choice =
            switch subject {
            case .isp(let isp): "--isp \(isp)"
            case .vm(let vm): "--vm \(vm)"
            }
        return text + "\n\nOlder events and migrations are left out, as one answer has no room for them. All events: "
            + "dvms events \(choice) --after 0 --limit \(ControlLimits.eventsMax)"
    }

    private func told(_ explanation: ControlExplanation, about subject: ControlSubject) -> String {
        switch subject {
        case .isp:
            let stories = explanation.isps.map { self.story(of: $0, in: explanation) }
            return stories.isEmpty ? self.remains(of: explanation) : stories.joined(separator: "\n\n\n")
        case .vm(let vm):
            return self.history(of: vm, in: explanation)
        }
    }

    // MARK: - One ISP

    /// One line with the figures by which ISPs are compared.
    package func headline(of isp: ControlISP) -> String {
        guard let outcome = isp.outcome else {
            let age = self.nowMilliseconds - min(self.nowMilliseconds, isp.startedWallMilliseconds)
            return "\(isp.isp): not ended, started \(Figures.duration(milliseconds: age)) ago".onOneLine
        }
        let figures = [
            "\(outcome) in \(Figures.seconds(milliseconds: isp.tookMilliseconds ?? 0)) s",
            Figures.count(isp.migrations ?? 0, "migration"), Figures.count(isp.membersPeak ?? 0, "node"),
            Figures.count(isp.messages ?? 0, "message"),
        ]
        return "\(isp.isp): \(figures.joined(separator: ", "))".onOneLine
    }

    private func story(of isp: ControlISP, in explanation: ControlExplanation) -> String {
        let events = explanation.events.filter { $0.isp == isp.isp }
        let migrations = explanation.migrations.filter { $0.isp == isp.isp }
        var lines = LabelledLines()
        lines.add("why", isp.reason.hasPrefix(isp.trigger) ? isp.reason : "\(isp.trigger): \(isp.reason)")
        lines.add("started", self.clock.text(milliseconds: isp.startedWallMilliseconds))
        self.addOutcome(of: isp, events, to: &lines)
        self.addAsked(isp, events, to: &lines)
        self.addPlan(isp, events, to: &lines)
        var parts = [self.headline(of: isp), lines.text]
        if !migrations.isEmpty { parts.append("Migrations\n" + self.table(of: migrations, events).indented(by: 2)) }
        parts.append("How it went\n" + self.timeline(events, since: isp.startedWallMilliseconds).indented(by: 2))
        return parts.joined(separator: "\n\n")
    }

    private func addOutcome(of isp: ControlISP, _ events: [ControlEvent], to lines: inout LabelledLines) {
        guard let outcome = isp.outcome else { return }
        lines.add("outcome", Self.meanings[outcome].map { "\(outcome): \($0)" } ?? outcome)
        if let detail = isp.detail, !detail.isEmpty { lines.goOn(detail.onOneLine) }
        for file in events.filter({ $0.kind == "unsolved" }).compactMap({ $0.facts["file"] }) {
            lines.goOn("look into it with dvms plan --explain --snapshot '\(file)'".onOneLine)
        }
    }

    private static let meanings = [
        "solved": "what was wrong is put right",
        "moot": "what was wrong had gone by itself",
        "improved": "no plan puts all right; the one that helps most was carried out",
        "unsolvable": "every node that could be asked was asked, and no plan helps",
        "blocked": "nodes that other ISPs held did not become free in time",
        "yielded": "another ISP that came first went ahead",
        "recommended": "the plan waits for `dvms apply`",
        "cancelled": "it was told to stop",
        "failed": "it could not be brought to an end",
    ]

    private func addAsked(_ isp: ControlISP, _ events: [ControlEvent], to lines: inout LabelledLines) {
        let joined = events.filter { $0.kind == "granted" }.compactMap { $0.facts["node"] }
        let skipped = events.filter { $0.kind == "skipped" }
        let asked = isp.nodesAsked ?? events.count { $0.kind == "asked" }
        lines.add("asked", "\(Figures.count(asked, "node")) in \(Figures.count(max(1, isp.sweeps ?? 1), "sweep"))")
        if !joined.isEmpty { lines.goOn("joined: \(joined.joined(separator: " "))".onOneLine) }
        for event in skipped {
            lines.goOn("passed over: \(event.facts["node"] ?? "?"), \(event.facts["reason"] ?? event.text)".onOneLine)
        }
        let hops = events.filter { $0.kind == "hopped" }
        let count = isp.hops ?? hops.count
        lines.add("hops", count == 0 ? "none" : "\(count) over the partitions of other ISPs")
        for event in hops { lines.goOn(event.text.onOneLine) }
        for event in events where event.kind == "waits" { lines.goOn(event.text.onOneLine) }
    }

    private func addPlan(_ isp: ControlISP, _ events: [ControlEvent], to lines: inout LabelledLines) {
        if let solves = isp.solves {
            let microseconds = isp.solveMicroseconds ?? 0
            let time = "\(microseconds / 1_000).\(microseconds % 1_000 / 100) ms"
            lines.add("solver", "\(Figures.count(solves, "solve")) of \(isp.solveSteps ?? 0) steps, \(time)")
        }
        if let decide = isp.decideMilliseconds {
            lines.add("plan", "after \(Figures.seconds(milliseconds: decide)) s")
        }
        if let migrations = isp.migrations {
            lines.add("moved", "\(Figures.count(migrations, "guest")), \(isp.movedMiB ?? 0) MiB")
        }
    }

    // MARK: - Tables

    private func table(of migrations: [ControlMigration], _ events: [ControlEvent]) -> String {
        var table = TextTable(
            .left("GUEST"), .left("FROM"), .left("TO"), .right("MiB"), .right("SECONDS"), .left("BECAUSE"),
            .left("RESULT"))
        for migration in migrations {
            let order = events.first { event in
                event.kind == "migration_ordered" && event.vm == migration.vm
                    && event.facts["action"].map { migration.action.hasSuffix("/\($0)") } == true
            }
            table.add(
                migration.vm, migration.from, migration.to, migration.movedMiB.map { "\($0)" } ?? "",
                migration.tookMilliseconds.map { Figures.seconds(milliseconds: $0) } ?? "",
                order?.facts["reason"] ?? "", migration.result ?? "under way")
        }
        return table.text
    }

    /// Each event with the seconds since `start`; how far copies have come is left out.
    private func timeline(_ events: [ControlEvent], since start: UInt64) -> String {
        let told = events.filter { $0.kind != "migration_progress" }
        guard !told.isEmpty else { return "the journal does not hold its events any more" }
        var table = TextTable(.right("+ SECONDS"), .left("EVENT"))
        for event in told {
            let offset = event.wallMilliseconds - min(start, event.wallMilliseconds)
            table.add(Figures.seconds(milliseconds: offset), EventReport.sentence(of: event))
        }
        return table.text
    }

    // MARK: - One guest

    private func history(of vm: String, in explanation: ControlExplanation) -> String {
        var parts = [
            "\(vm): \(Figures.count(explanation.migrations.count, "migration")) ordered by this node".onOneLine
        ]
        if !explanation.migrations.isEmpty {
            var table = TextTable(
                .left("STARTED"), .left("FROM"), .left("TO"), .right("MiB"), .right("SECONDS"), .left("ISP"),
                .left("RESULT"))
            for migration in explanation.migrations {
                table.add(
                    self.clock.text(milliseconds: migration.startedWallMilliseconds), migration.from, migration.to,
                    migration.movedMiB.map { "\($0)" } ?? "",
                    migration.tookMilliseconds.map { Figures.seconds(milliseconds: $0) } ?? "", migration.isp,
                    migration.result ?? "under way")
            }
            parts.append(table.text)
        }
        if !explanation.isps.isEmpty {
            parts.append(explanation.isps.map { "\(self.headline(of: $0)) (\($0.trigger))" }.joined(separator: "\n"))
        }
        parts.append(self.lines(of: explanation.events))
        return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    /// What is left of an ISP of another node, of which this one saw its own part only.
    private func remains(of explanation: ControlExplanation) -> String {
        let note = "This node did not start it and knows its own part only; the node before the # knows all."
        return "\(note)\n\n\(self.lines(of: explanation.events))"
    }

    private func lines(of events: [ControlEvent]) -> String {
        let report = EventReport(clock: self.clock)
        let told = events.filter { $0.kind != "migration_progress" }
        return told.isEmpty ? "" : ([report.heading] + told.map(report.line)).joined(separator: "\n")
    }
}
