extension SimulationPage {
    /// More failed migrations than this are not marked one by one.
    private static let failuresMax = 200
    /// More of a reason than so many characters is not told.
    private static let reasonLengthMax = 200

    var charts: Markup {
        """
        \(self.nodesInViolation)
        \(self.violationDurations)
        <div class="pair">
        \(self.decisionDurations)
        \(self.decisionSizes)
        </div>
        \(self.messages)
        \(self.migrations)
        \(self.timeline)
        \(self.ring)
        """
    }

    /// A chart under its title and a note on how to read it.
    private func figure(_ title: String, _ note: Markup, _ chart: Markup) -> Markup {
        """
        <figure>
        <figcaption><h2>\(title)</h2><p>\(note)</p></figcaption>
        \(chart)
        </figure>
        """
    }

    // MARK: - Over virtual time

    private var nodesInViolation: Markup {
        let title = "Nodes in violation over time"
        guard !self.course.violations.isEmpty else { return self.figure(title, "No node was.", "") }
        let line = StepLine(changes: self.course.violations.flatMap { [($0.began, 1), ($0.ended, -1)] })
        let chart = StepChart(line, label: "nodes in violation", duration: self.course.duration)
        return self.figure(
            title,
            """
            At most \(Figures.grouped(line.peak)) of \(Figures.groupedCount(self.course.nodes, "node")) at once.\
            \(Self.note(of: chart))
            """,
            chart.svg(title))
    }

    private var migrations: Markup {
        let title = "Migrations done since the beginning"
        guard !self.course.moves.isEmpty else { return self.figure(title, "No guest was moved.", "") }
        let done = self.course.moves.filter { $0.failure == nil }
        let failed = self.course.moves.filter { $0.failure != nil }.sorted { $0.ended < $1.ended }
        let marked = failed.prefix(Self.failuresMax)
        let line = StepLine(changes: done.map { ($0.ended, 1) })
        let chart = StepChart(
            line, label: "migrations done", duration: self.course.duration,
            crosses: marked.map { self.cross($0, on: line) })
        let failures = Self.failures(failed.count, marked: marked.count)
        return self.figure(
            title, "\(Figures.grouped(done.count)) done. \(failures)\(Self.note(of: chart))", chart.svg(title))
    }

    private static func failures(_ count: Int, marked: Int) -> String {
        if count == 0 { return "None failed." }
        if count == marked { return "\(Figures.grouped(count)) failed, marked ×." }
        return "\(Figures.grouped(count)) failed, of which the first \(marked) are marked ×."
    }

    private func cross(_ move: SimulationCourse.Move, on line: StepLine) -> StepChart.Cross {
        let reason = (move.failure ?? "").prefix(Self.reasonLengthMax)
        let (from, to) = (SimulationCourse.name(of: move.from), SimulationCourse.name(of: move.to))
        return StepChart.Cross(
            time: move.ended, level: line.level(at: move.ended),
            title: "\(move.vm), \(from) → \(to), failed at \(Figures.short(move.ended)) s: \(reason)")
    }

    private static func note(of chart: StepChart) -> Markup {
        guard let width = chart.thinnedBy else { return "" }
        return " Of each \(Figures.short(width)) s the chart shows the peak and the end."
    }

    // MARK: - Histograms

    private var violationDurations: Markup {
        self.figure(
            "How long violations lasted",
            Histogram(of: "violation", seconds: self.course.violations.map(\.duration)), label: "duration, s",
            width: Plot.fullWidth)
    }

    private var decisionDurations: Markup {
        self.figure(
            "How long \(self.decision)s took",
            Histogram(of: self.decision, seconds: self.course.decisions.map(\.duration)), label: "duration, s",
            width: Plot.halfWidth)
    }

    private var decisionSizes: Markup {
        self.figure(
            "How many nodes \(self.decision)s held",
            Histogram(of: self.decision, numbers: self.course.decisions.map(\.nodes)), label: "nodes at the peak",
            width: Plot.halfWidth)
    }

    private var messages: Markup {
        self.figure(
            "How many messages \(self.decision)s sent",
            Histogram(of: self.decision, numbers: self.course.decisions.map(\.messages)), label: "messages",
            width: Plot.fullWidth)
    }

    private func figure(_ title: String, _ histogram: Histogram, label: String, width: Double) -> Markup {
        guard !histogram.isEmpty else { return self.figure(title, "None.", "") }
        return self.figure(title, "\(histogram.summary)", histogram.svg(title, label: label, width: width))
    }

    // MARK: - Nodes

    private var timeline: Markup {
        let title = "What happened on each node"
        let timeline = NodeTimeline(self.course)
        guard !timeline.nodes.isEmpty else { return self.figure(title, "Nothing happened on any node.", "") }
        return self.figure(
            title,
            """
            The node longest in violation is at the top. Shown are \(timeline.nodes.count) of \
            \(Figures.groupedCount(timeline.candidates, "node")) with a violation or a migration; the fleet has \
            \(Figures.groupedCount(self.course.nodes, "node")). \
            \(Self.key("violation", "M0 6H24")) in violation, \
            \(Self.key("arrival", "M12 6V0")) a guest arrived (upwards), \
            \(Self.key("departure", "M12 6V12")) a guest left (downwards).
            """,
            timeline.svg(title))
    }

    private static func key(_ name: String, _ path: String) -> Markup {
        """
        <svg class="key" viewBox="0 0 24 12" aria-hidden="true"><path class="\(name)" d="\(path)"/></svg>
        """
    }

    private var ring: Markup {
        let title = "The ring in motion"
        let ring = RingAnimation(self.course)
        let nodes =
            ring.nodes.count < self.course.nodes
            ? "The \(ring.nodes.count) of \(Figures.grouped(self.course.nodes)) nodes longest in violation are drawn, and"
                + " the migrations among them."
            : "All \(Figures.groupedCount(self.course.nodes, "node")) are drawn."
        let cut =
            ring.eventsPlayed < ring.eventsTotal
            ? " Only the first \(Figures.grouped(ring.eventsPlayed)) of \(Figures.grouped(ring.eventsTotal)) violations"
                + " and migrations are played, which is up to \(Figures.short(ring.end)) s."
            : ""
        return self.figure(
            title,
            """
            Clockwise from the top. \(nodes)\(cut) A large orange dot is a node in violation; a line is a migration under \
            way, dashed when it will fail, and the small dot on it goes from source to destination. \
            \(Figures.short(ring.pace)) s of virtual time pass in a second.
            """,
            ring.markup(title))
    }
}
