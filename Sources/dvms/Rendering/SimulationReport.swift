package import Simulation

/// Results of one experiment in several seeds, as people read them.
package struct SimulationReport: Sendable {
    private let results: [ExperimentResult]

    package init(_ results: [ExperimentResult]) {
        self.results = results
    }

    package var text: String {
        var table = TextTable(
            .right("SEED"), .right("VIOLATIONS"), .right("TOTAL S"), .right("MEAN S"), .right("±"), .right("P99 S"),
            .right("MOVES"), .right("FAILED"), .right("DECISIONS"), .right("NODES"), .right("MESSAGES"),
            .right("DECIDE MS"), .right("WALL S"), .right("EVENTS/S"))
        for result in self.results {
            let (violations, isps) = (result.violations, result.isps)
            table.add(
                "\(result.seed)", "\(violations.count)", Self.figure(violations.total), Self.figure(violations.mean),
                Self.figure(violations.deviation), Self.figure(violations.p99), "\(result.migrations.count)",
                "\(result.migrations.failed)", "\(isps.count)", Self.figure(isps.nodesMean),
                Self.figure(isps.messagesMean), Self.figure(isps.decideMedian), Self.figure(result.spent.wallSeconds),
                "\(Int(Double(result.events) / max(result.spent.wallSeconds, 0.001)))")
        }
        guard let first = self.results.first else { return table.text }
        let title =
            "\(first.preset), \(Figures.count(first.nodes, "node")), \(Figures.count(first.vms, "VM")),"
            + " \(Int(first.duration)) s, \(first.algorithm)"
        return [title, table.text, self.special, self.means].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// What only some experiments have, of the first seed.
    private var special: String {
        guard let first = self.results.first else { return "" }
        var lines: [String] = []
        if first.messages.total > 0 {
            let messages = first.messages
            lines.append(
                "seed \(first.seed): \(Figures.count(messages.total, "message")), \(messages.membership) membership's"
                    + " (\(Self.percent(messages.membership, of: messages.total)) %), \(messages.isp) of ISPs; at least"
                    + " \(Self.percent(messages.membershipEventsLeast, of: first.events)) % of all events are membership's"
            )
        }
        if let sets = first.sets {
            lines.append(
                "seed \(first.seed): \(Figures.count(sets.count, "set")) of overloads made at once, repaired in"
                    + " \(Self.figure(sets.solveMean)) s on average, \(Self.figure(sets.solveMax)) s at most;"
                    + " \(Self.figure(first.isps.durationMean)) s a decision,"
                    + " \(Self.figure(first.isps.migratingPercent)) % of it migrating")
        }
        if first.online.least < first.nodes {
            lines.append(
                "seed \(first.seed): \(Self.figure(first.online.mean)) nodes with guests on average,"
                    + " \(first.online.least) at least")
        }
        return lines.joined(separator: "\n")
    }

    /// Over all seeds, where there are several.
    private var means: String {
        guard self.results.count > 1 else { return "" }
        let count = Double(self.results.count)
        let total = self.results.reduce(0) { $0 + $1.violations.total } / count
        let number = self.results.reduce(0) { $0 + $1.violations.count }
        let moves = Double(self.results.reduce(0) { $0 + $1.migrations.count }) / count
        return "mean of \(self.results.count) seeds: \(Self.figure(total)) s of violations,"
            + " \(Self.figure(total * count / Double(max(number, 1)))) s each, \(Self.figure(moves)) migrations"
    }

    private static func percent(_ part: Int, of whole: Int) -> String {
        Self.figure(100 * Double(part) / Double(max(whole, 1)))
    }

    private static func figure(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = "\(hundredths % 100)"
        return "\(hundredths / 100)." + (rest.count == 1 ? "0" : "") + rest
    }
}
