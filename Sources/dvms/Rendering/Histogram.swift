/// How many of some amounts lie in each of some ranges, all equally wide and beginning at 0.
struct Histogram: Sendable {
    /// Ranges are made so wide that there are no more.
    private static let rangesMax = 26

    /// What is counted: `violation`.
    private let counted: String
    private let unit: String
    private let isWhole: Bool
    private let width: Double
    private let counts: [Int]

    /// Of durations in seconds, each 0 or more.
    init(of counted: String, seconds: [Double]) {
        self.init(of: counted, seconds, unit: " s", isWhole: false)
    }

    /// Of numbers, each 0 or more.
    init(of counted: String, numbers: [Int]) {
        self.init(of: counted, numbers.map(Double.init), unit: "", isWhole: true)
    }

    private init(of counted: String, _ amounts: [Double], unit: String, isWhole: Bool) {
        self.counted = counted
        self.unit = unit
        self.isWhole = isWhole
        let most = amounts.max() ?? 0
        let width = RoundNumber.atLeast(most / Double(Self.rangesMax - 1))
        self.width = isWhole ? max(1, width) : width
        var counts = Array(repeating: 0, count: Int(most / self.width) + 1)
        for amount in amounts { counts[Int(amount / self.width)] += 1 }
        self.counts = amounts.isEmpty ? [] : counts
    }

    var isEmpty: Bool { self.counts.isEmpty }

    /// What its bars are.
    var summary: String {
        let total = self.counts.reduce(0, +)
        let width = self.isWhole && self.width == 1 ? "" : ", in ranges of \(Figures.short(self.width))\(self.unit)"
        return "\(Figures.groupedCount(total, self.counted))\(width)."
    }

    /// - Parameters:
    ///   - title: what the chart is, for those who do not see it.
    ///   - label: of the horizontal axis.
    func svg(_ title: String, label: String, width: Double) -> Markup {
        let end = Double(self.counts.count) * self.width
        let plot = Plot(
            width: width, self.isWhole ? Axis(label, wholesUpTo: end - 1) : Axis(label, upTo: end),
            Axis("\(self.counted)s", countsUpTo: self.counts.max() ?? 0))
        let bars = self.counts.indices.filter { self.counts[$0] > 0 }.map { self.bar($0, in: plot) }
        return plot.svg(title, "\(bars)")
    }

    private func bar(_ index: Int, in plot: Plot) -> Markup {
        let lower = Double(index) * self.width - (self.isWhole ? 0.5 : 0)
        let (left, right) = (plot.x(lower), plot.x(lower + self.width))
        let top = plot.y(Double(self.counts[index]))
        return """
            <rect class="bar" x="\(left + 0.5)" y="\(top)" width="\(right - left - 1)" height="\(plot.y(0) - top)">\
            <title>\(self.range(index)): \(Figures.groupedCount(self.counts[index], self.counted))</title></rect>
            """
    }

    /// `8 to 10 s`; of whole numbers `4`, or `10 to 19`.
    private func range(_ index: Int) -> String {
        let lower = Double(index) * self.width
        let last = lower + self.width - (self.isWhole ? 1 : 0)
        return (lower == last ? Figures.short(lower) : "\(Figures.short(lower)) to \(Figures.short(last))") + self.unit
    }
}
