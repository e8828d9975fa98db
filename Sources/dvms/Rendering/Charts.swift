/// One axis of a chart, with ticks at multiples of a round number.
struct Axis: Sendable {
    /// What is plotted, and its unit.
    let label: String
    let lower: Double
    let upper: Double
    /// Between ticks: 1, 2 or 5 × 10ⁿ.
    private let step: Double

    private init(_ label: String, from lower: Double, to upper: Double, step: Double) {
        self.label = label
        self.lower = lower
        self.upper = upper
        self.step = step
    }

    /// Of an amount, from 0 to exactly `end`.
    init(_ label: String, upTo end: Double, ticks: Double = 10) {
        self.init(label, from: 0, to: end, step: RoundNumber.atLeast(end / ticks))
    }

    /// Of whole numbers, each in the middle of its own width, so that a bar stands over the number that it counts.
    init(_ label: String, wholesUpTo last: Double) {
        self.init(label, from: -0.5, to: last + 0.5, step: max(1, RoundNumber.atLeast(last / 10)))
    }

    /// Of how many there are, from 0 to the first tick that is not below `most`.
    init(_ label: String, countsUpTo most: Int) {
        let step = max(1, RoundNumber.atLeast(Double(most) / 6))
        let ticks = max(1, (Double(most) / step).rounded(.up))
        self.init(label, from: 0, to: ticks * step, step: step)
    }

    /// Of virtual time since an experiment of so many seconds began.
    static func time(_ duration: Double) -> Axis { Axis("virtual time, s", upTo: duration) }

    var ticks: [Double] {
        // A hair more, as sums of tenths fall short of what they should be.
        let last = Int((self.upper / self.step + 1e-9).rounded(.down))
        return (0...last).map { Double($0) * self.step }
    }
}

enum RoundNumber {
    /// The least of 1, 2 and 5 × 10ⁿ that is not less than `amount`; 1 of nothing.
    static func atLeast(_ amount: Double) -> Double {
        guard amount > 0 else { return 1 }
        var power = 1.0
        while power * 10 <= amount { power *= 10 }
        while power > amount { power /= 10 }
        return [1, 2, 5].map { $0 * power }.first { $0 >= amount } ?? 10 * power
    }
}

/// Where a chart draws: two axes around a rectangle, in units of the picture.
struct Plot: Sendable {
    /// Of a chart as broad as the page.
    static let fullWidth = 860.0
    /// Of one that shares the breadth with another.
    static let halfWidth = 420.0
    private static let top = 26.0
    private static let bottom = 42.0
    private static let left = 56.0
    private static let right = 24.0

    private let width: Double
    private let depth: Double
    private let horizontal: Axis
    /// Nil where rows take the place of an axis.
    private let vertical: Axis?

    /// - Parameter depth: of the rectangle, from its upper edge to the horizontal axis.
    init(width: Double, depth: Double = 180, _ horizontal: Axis, _ vertical: Axis?) {
        self.width = width
        self.depth = depth
        self.horizontal = horizontal
        self.vertical = vertical
    }

    var left: Double { Self.left }
    var top: Double { Self.top }
    var right: Double { self.width - Self.right }
    private var bottom: Double { Self.top + self.depth }

    func x(_ value: Double) -> Double {
        let share = (value - self.horizontal.lower) / (self.horizontal.upper - self.horizontal.lower)
        return self.left + share * (self.right - self.left)
    }

    func y(_ value: Double) -> Double {
        guard let axis = self.vertical else { return self.bottom }
        return self.bottom - (value - axis.lower) / (axis.upper - axis.lower) * self.depth
    }

    /// - Parameter title: what the chart is, for those who do not see it.
    func svg(_ title: String, _ marks: Markup) -> Markup {
        """
        <svg viewBox="0 0 \(self.width) \(self.bottom + Self.bottom)" role="img" aria-label="\(title)">
        \(self.horizontalAxis)\(self.verticalAxis)\(marks)
        </svg>
        """
    }

    private var horizontalAxis: Markup {
        let ticks = self.horizontal.ticks.map { tick -> Markup in
            """
            <path class="grid" d="M\(self.x(tick)) \(self.top)V\(self.bottom)"/>\
            <text class="tick" x="\(self.x(tick))" y="\(self.bottom + 16)" text-anchor="middle">\
            \(Figures.short(tick))</text>
            """
        }
        return """
            \(ticks)<path class="axis" d="M\(self.left) \(self.bottom)H\(self.right)"/>\
            <text class="label" x="\(self.right)" y="\(self.bottom + 34)" text-anchor="end">\
            \(self.horizontal.label)</text>
            """
    }

    private var verticalAxis: Markup {
        guard let axis = self.vertical else { return "" }
        let ticks = axis.ticks.map { tick -> Markup in
            """
            <path class="grid" d="M\(self.left) \(self.y(tick))H\(self.right)"/>\
            <text class="tick" x="\(self.left - 6)" y="\(self.y(tick) + 4)" text-anchor="end">\
            \(Figures.short(tick))</text>
            """
        }
        return """
            \(ticks)<text class="label" x="\(self.left)" y="\(self.top - 12)">\(axis.label)</text>
            """
    }
}
