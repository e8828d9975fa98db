/// A row for each node: when it was in violation, and when guests came and went.
struct NodeTimeline: Sendable {
    /// More rows nobody reads.
    static let rowsMax = 64
    private static let rowHeight = 16.0

    private let duration: Double
    /// With the longest in violation at the top.
    let nodes: [Int]
    /// How many nodes would have a row if there were no limit.
    let candidates: Int
    private let rows: [Row]

    /// What happened on one node.
    private struct Row {
        var violations: [SimulationCourse.Violation] = []
        var arrivals: [Double] = []
        var departures: [Double] = []

        var isEmpty: Bool { self.violations.isEmpty && self.arrivals.isEmpty && self.departures.isEmpty }
    }

    init(_ course: SimulationCourse) {
        var rows = Array(repeating: Row(), count: course.nodes)
        for violation in course.violations { rows[violation.node].violations.append(violation) }
        for move in course.moves where move.failure == nil {
            rows[move.from].departures.append(move.ended)
            rows[move.to].arrivals.append(move.ended)
        }
        let candidates = course.nodesByTrouble.filter { !rows[$0].isEmpty }
        self.duration = course.duration
        self.candidates = candidates.count
        self.nodes = Array(candidates.prefix(Self.rowsMax))
        self.rows = self.nodes.map { rows[$0] }
    }

    func svg(_ title: String) -> Markup {
        let plot = Plot(
            width: Plot.fullWidth, depth: Double(self.nodes.count) * Self.rowHeight, .time(self.duration), nil)
        let rows = zip(self.nodes, self.rows).enumerated().map { index, row in
            Self.markup(of: row.1, node: row.0, at: plot.top + (Double(index) + 0.5) * Self.rowHeight, in: plot)
        }
        return plot.svg(title, "\(rows)")
    }

    private static func markup(of row: Row, node: Int, at y: Double, in plot: Plot) -> Markup {
        let bars = Self.bars(of: row.violations, in: plot).map { bar -> Markup in
            "M\(bar.lowerBound) \(y)h\(bar.count)"
        }
        let arrivals = Self.columns(of: row.arrivals, in: plot).map { "M\($0) \(y)v-7" as Markup }
        let departures = Self.columns(of: row.departures, in: plot).map { "M\($0) \(y)v7" as Markup }
        return """
            <g class="row"><title>\(Self.summary(of: row, node: node))</title>\
            <rect class="lane" x="\(plot.left)" y="\(y - 7)" width="\(plot.right - plot.left)" height="14"/>\
            <text class="tick" x="\(plot.left - 6)" y="\(y + 4)" text-anchor="end">\
            \(SimulationCourse.name(of: node))</text>\
            <path class="violation" d="\(bars)"/>\
            <path class="arrival" d="\(arrivals)"/><path class="departure" d="\(departures)"/></g>

            """
    }

    private static func summary(of row: Row, node: Int) -> String {
        let together = row.violations.reduce(0) { $0 + $1.duration }
        return "\(SimulationCourse.name(of: node)): \(Figures.groupedCount(row.violations.count, "violation")),"
            + " \(Figures.short(together)) s together; \(Figures.groupedCount(row.arrivals.count, "arrival")),"
            + " \(Figures.groupedCount(row.departures.count, "departure"))"
    }

    /// In whole columns of the picture, which bounds how many there are: those that share a column become one.
    private static func bars(of violations: [SimulationCourse.Violation], in plot: Plot) -> [Range<Int>] {
        var bars: [Range<Int>] = []
        for violation in violations.sorted(by: { $0.began < $1.began }) {
            let lower = Int(plot.x(violation.began))
            let upper = max(lower + 1, Int(plot.x(violation.ended).rounded(.up)))
            if let last = bars.last, lower < last.upperBound {
                bars[bars.count - 1] = last.lowerBound..<max(last.upperBound, upper)
            } else {
                bars.append(lower..<upper)
            }
        }
        return bars
    }

    private static func columns(of times: [Double], in plot: Plot) -> [Int] {
        Set(times.map { Int(plot.x($0)) }).sorted()
    }
}
