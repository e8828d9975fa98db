/// A number that changes in steps over virtual time; 0 until its first step.
struct StepLine: Sendable {
    struct Step: Sendable {
        /// In seconds.
        var time: Double
        /// From then on.
        var level: Int
    }

    /// In the order of time, no two at one instant.
    private(set) var steps: [Step] = []

    private init() {}

    /// - Parameter changes: in any order.
    init(changes: [(time: Double, by: Int)]) {
        var level = 0
        for change in changes.sorted(by: { $0.time < $1.time }) {
            level += change.by
            self.step(to: level, at: change.time)
        }
    }

    private mutating func step(to level: Int, at time: Double) {
        if self.steps.last?.time == time { self.steps.removeLast() }
        guard level != self.steps.last?.level ?? 0 else { return }
        self.steps.append(Step(time: time, level: level))
    }

    func level(at time: Double) -> Int { self.steps.last { $0.time <= time }?.level ?? 0 }

    var peak: Int { self.steps.lazy.map(\.level).max() ?? 0 }

    /// With at most two steps in each `width` seconds: at once to the peak of that time, and half-way to its last level.
    func thinned(by width: Double) -> StepLine {
        var thin = StepLine()
        var rest = self.steps[...]
        while let first = rest.first {
            let part = (first.time / width).rounded(.down)
            let inside = rest.prefix { ($0.time / width).rounded(.down) == part }
            let before = thin.steps.last?.level ?? 0
            let last = inside.last?.level ?? before
            thin.step(to: inside.reduce(before) { max($0, $1.level) }, at: part * width)
            thin.step(to: last, at: (part + 0.5) * width)
            rest = rest.dropFirst(inside.count)
        }
        return thin
    }
}

/// A step line over virtual time, with crosses on it.
struct StepChart: Sendable {
    struct Cross: Sendable {
        var time: Double
        var level: Int
        var title: String
    }

    /// More steps would be narrower than the picture can show.
    static let stepsMax = 1_600

    private let line: StepLine
    private let duration: Double
    private let crosses: [Cross]
    private let label: String
    /// How many seconds are drawn as one; nil when each step is drawn.
    let thinnedBy: Double?

    /// - Parameter label: of the vertical axis.
    init(_ line: StepLine, label: String, duration: Double, crosses: [Cross] = []) {
        let width = duration / Double(Self.stepsMax / 2)
        self.thinnedBy = line.steps.count > Self.stepsMax ? width : nil
        self.line = line.steps.count > Self.stepsMax ? line.thinned(by: width) : line
        self.duration = duration
        self.crosses = crosses
        self.label = label
    }

    func svg(_ title: String) -> Markup {
        let plot = Plot(
            width: Plot.fullWidth, .time(self.duration), Axis(self.label, countsUpTo: self.line.peak))
        let steps = self.line.steps.map { step -> Markup in
            "H\(plot.x(step.time))V\(plot.y(Double(step.level)))"
        }
        let crosses = self.crosses.map { cross -> Markup in
            """
            <path class="cross" d="M\(plot.x(cross.time) - 4) \(plot.y(Double(cross.level)) - 4)l8 8m0 -8l-8 8">\
            <title>\(cross.title)</title></path>
            """
        }
        return plot.svg(
            title,
            """
            <path class="line" d="M\(plot.left) \(plot.y(0))\(steps)H\(plot.right)"/>\(crosses)
            """)
    }
}
