package import Simulation

/// What came of one experiment as one HTML page, which needs nothing but a browser: the figures, charts over virtual time,
/// histograms, a row for each node, and the ring as an animation.
package struct SimulationPage: Sendable {
    /// No page is longer, however much happened: every chart draws at most so many marks.
    package static let bytesMax = 4 << 20

    let result: ExperimentResult
    let course: SimulationCourse

    package init(_ outcome: Experiment.Outcome) {
        self.init(outcome.result, SimulationCourse(outcome))
    }

    /// - Parameter course: what `result` gives the figures of.
    package init(_ result: ExperimentResult, _ course: SimulationCourse) {
        self.result = result
        self.course = course
    }

    /// A whole document.
    package var html: String {
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta http-equiv="Content-Security-Policy" \
            content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"/>
            <title>\(self.title)</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <main>
            <h1>\(self.title)</h1>
            \(self.figures)
            \(self.course.isEmpty ? self.nothing : self.charts)
            </main>
            </body>
            </html>

            """
        return page.text
    }

    private var title: String {
        "\(self.result.preset), \(Figures.groupedCount(self.result.nodes, "node")),"
            + " \(Figures.groupedCount(self.result.vms, "VM")), \(Figures.short(self.result.duration)) s,"
            + " \(self.result.algorithm)"
    }

    private var nothing: Markup {
        """
        <p>Nothing happened: no violation, no \(self.decision) and no migration in \
        \(Figures.short(self.result.duration)) s of virtual time.</p>
        """
    }

    /// What decides about migrations.
    var decision: String { self.result.algorithm.hasPrefix("central-") ? "central round" : "ISP" }
}

// MARK: - The figures

extension SimulationPage {
    private var figures: Markup {
        let rows = (self.fleetRows + self.specialRows + self.costRows).map { row -> Markup in
            "<tr><th scope=\"row\">\(row.name)</th><td>\(row.value)</td></tr>\n"
        }
        return "<table>\n\(rows)</table>"
    }

    /// Of what only some experiments have.
    private var specialRows: [(name: String, value: String)] {
        var rows: [(name: String, value: String)] = []
        if let sets = self.result.sets {
            rows.append(
                (
                    "Overloads made at once",
                    "\(Figures.groupedCount(sets.count, "set")), repaired in \(Figures.short(sets.solveMean)) s on"
                        + " average, \(Figures.short(sets.solveMax)) s at most"
                ))
        }
        if self.result.online.least < self.result.nodes {
            rows.append(
                (
                    "Nodes with guests",
                    "mean \(Figures.short(self.result.online.mean)), at least \(Figures.grouped(self.result.online.least))"
                ))
        }
        return rows
    }

    /// What became of the fleet.
    private var fleetRows: [(name: String, value: String)] {
        let (violations, isps) = (self.result.violations, self.result.isps)
        return [
            (
                "Violations",
                "\(Figures.grouped(violations.count)), of which \(Figures.grouped(violations.madeByArrivals))"
                    + " made by arriving guests"
            ),
            ("Time in violation, all nodes together", "\(Figures.short(violations.total)) s"),
            (
                "Length of a violation",
                "mean \(Figures.short(violations.mean)) ± \(Figures.short(violations.deviation)) s,"
                    + " p99 \(Figures.short(violations.p99)) s"
            ),
            ("Number of \(self.decision)s", self.outcomes),
            (
                "Nodes of one \(self.decision)",
                "mean \(Figures.short(isps.nodesMean)), p99 \(Figures.short(isps.nodesP99))"
            ),
            (
                "Messages of one \(self.decision)",
                "mean \(Figures.short(isps.messagesMean)), p99 \(Figures.short(isps.messagesP99))"
            ),
            (
                "Virtual time to a plan",
                "median \(Figures.short(isps.decideMedian)) ms, p99 \(Figures.short(isps.decideP99)) ms"
            ),
            (
                "Migrations",
                "\(Figures.grouped(self.result.migrations.count)) done,"
                    + " \(Figures.grouped(self.result.migrations.failed)) failed"
            ),
        ]
    }

    /// `120, of which 103 solved, 17 moot`, the most frequent first.
    private var outcomes: String {
        let total = Figures.grouped(self.result.isps.count)
        let counts = self.result.isps.byOutcome.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        guard !counts.isEmpty else { return total }
        return "\(total), of which " + counts.map { "\(Figures.grouped($0.value)) \($0.key)" }.joined(separator: ", ")
    }

    /// What the run took, and how it can be had again.
    private var costRows: [(name: String, value: String)] {
        let spent = self.result.spent
        return [
            ("Messages of all kinds", Figures.grouped(self.result.messages.total)),
            ("Of these membership's", Figures.grouped(self.result.messages.membership)),
            ("Events: jobs run and timers fired", Figures.grouped(self.result.events)),
            ("Wall clock", "\(Figures.short(spent.wallSeconds)) s, CPU \(Figures.short(spent.cpuSeconds)) s"),
            ("Peak memory of the process", "\(Figures.grouped(spent.peakRSSMiB)) MiB"),
            ("Seed", "\(self.result.seed)"),
            ("Trace hash", self.result.traceHash),
        ]
    }
}
