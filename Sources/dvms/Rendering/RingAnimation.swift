import Glibc

/// The ring as a circle of nodes that a script lets change as they did in the experiment.
struct RingAnimation: Sendable {
    /// More dots cannot be told apart.
    static let nodesMax = 256
    /// More violations and migrations make the page heavy.
    static let eventsMax = 20_000
    /// How long the whole animation is to take at most, in seconds.
    private static let playingSecondsMax = 180.0
    private static let labelsMax = 32

    /// What lasts from one instant to another. Nodes are places among those that are drawn.
    private enum Event {
        case violation(node: Int, began: Double, ended: Double)
        case move(from: Int, to: Int, began: Double, ended: Double, isFailed: Bool)

        var began: Double {
            switch self {
            case .violation(_, let began, _), .move(_, _, let began, _, _): began
            }
        }

        /// As the script reads it, times in milliseconds.
        var json: String {
            switch self {
            case .violation(let node, let began, let ended):
                "[\(Self.milliseconds(began)),\(Self.milliseconds(ended)),\(node)]"
            case .move(let from, let to, let began, let ended, let isFailed):
                "[\(Self.milliseconds(began)),\(Self.milliseconds(ended)),\(from),\(to),\(isFailed ? 1 : 0)]"
            }
        }

        private static func milliseconds(_ seconds: Double) -> Int { Int((seconds * 1_000).rounded()) }
    }

    /// Clockwise.
    let nodes: [Int]
    /// In the order of their beginnings.
    private let events: [Event]
    /// Between drawn nodes, whether they are played or not.
    let eventsTotal: Int
    /// Up to when everything is known, in seconds.
    let end: Double

    init(_ course: SimulationCourse) {
        self.nodes = course.nodesByTrouble.prefix(Self.nodesMax).sorted()
        let events = Self.events(of: course, on: self.nodes).sorted { $0.began < $1.began }
        self.events = Array(events.prefix(Self.eventsMax))
        self.eventsTotal = events.count
        self.end = events.count > Self.eventsMax ? events[Self.eventsMax].began : course.duration
    }

    private static func events(of course: SimulationCourse, on nodes: [Int]) -> [Event] {
        let places = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
        let violations = course.violations.compactMap { violation in
            places[violation.node].map { Event.violation(node: $0, began: violation.began, ended: violation.ended) }
        }
        let moves = course.moves.compactMap { move -> Event? in
            guard let from = places[move.from], let to = places[move.to] else { return nil }
            return .move(from: from, to: to, began: move.began, ended: move.ended, isFailed: move.failure != nil)
        }
        return violations + moves
    }

    /// How many events are played.
    var eventsPlayed: Int { self.events.count }

    /// Virtual seconds that pass in one of the reader's.
    var pace: Double { RoundNumber.atLeast(self.end / Self.playingSecondsMax) }

    /// - Parameter title: what the picture is, for those who do not see it.
    func markup(_ title: String) -> Markup {
        """
        <div class="player"><button type="button" id="play">Play</button>\
        <input type="range" id="instant" min="0" max="\(Int(self.end * 1_000))" value="0" step="1" \
        aria-label="virtual time in milliseconds"/><output id="now"></output></div>
        <noscript><p>The animation needs JavaScript.</p></noscript>
        <svg id="ring" viewBox="0 0 \(Self.side) \(Self.side)" role="img" aria-label="\(title)">
        <g id="flights"></g>\(self.dots)
        </svg>
        <script type="application/json" id="course">\(self.json)</script>
        <script>\(Self.script)</script>
        """
    }

    private static let side = 600.0
    private static let radius = 262.0

    private var dots: [Markup] {
        // Dots take four fifths of the circle at most.
        let size = min(10, Double.pi * Self.radius * 0.8 / Double(self.nodes.count))
        let labelEvery = (self.nodes.count + Self.labelsMax - 1) / Self.labelsMax
        return self.nodes.enumerated().map { place, node in
            let (x, y) = self.point(of: place, radius: Self.radius)
            let label = self.point(of: place, radius: Self.radius + 20)
            let name = SimulationCourse.name(of: node)
            let text: Markup =
                place % labelEvery == 0
                ? """
                <text class="tick" x="\(label.x)" y="\(label.y + 4)" text-anchor="middle">\(name)</text>
                """ : ""
            return """
                <circle class="node" cx="\(x)" cy="\(y)" r="\(size)"><title>\(name)</title></circle>\(text)
                """
        }
    }

    /// The first node is at the top.
    private func point(of place: Int, radius: Double) -> (x: Double, y: Double) {
        let angle = Double(place) / Double(self.nodes.count) * 2 * Double.pi
        return (Self.side / 2 + radius * sin(angle), Self.side / 2 - radius * cos(angle))
    }

    /// Numbers only, so that nothing in it needs to be escaped.
    private var json: Markup {
        let events = self.events.map(\.json).joined(separator: ",")
        return Markup(stringLiteral: "{\"pace\":\(self.pace),\"events\":[\(events)]}")
    }
}
