package import Basis

/// What the guests of a ring want over time, and what its operators ask: several overloads near each other, drains,
/// injections. Drawn from a seed.
package struct Workload: Sendable {
    package struct Guest: Sendable {
        package var cpuMillicores: Int
        package var memoryMiB: Int
        package var dirtyMiBPerSecond: Int
    }

    package enum Act: Hashable, Sendable {
        /// The guests of a node want so much together.
        case overload(node: Int, cpuMillicores: Int)
        /// The same by turns: so much, and as much as usual, each for `period`.
        case flap(node: Int, cpuMillicores: Int, period: Duration)
        case drain(node: Int)
        case injectUnderload(node: Int)
        case injectOverload(node: Int)

        /// The index of the node that it is about.
        var node: Int {
            switch self {
            case .overload(let node, _), .flap(let node, _, _), .drain(let node), .injectUnderload(let node),
                .injectOverload(let node):
                node
            }
        }
    }

    package struct Entry: Hashable, Sendable {
        package var at: Duration
        package var lasts: Duration
        package var act: Act
    }

    /// The guests of each node.
    package var guests: [[Guest]]
    package var entries: [Entry]

    /// As much happens in a longer time as in several of these one after the other.
    package static let spell = Duration.seconds(90)

    /// How many spells a time counts as, at least one.
    static func spells(in time: Duration) -> Int { max(1, Int(time / Self.spell)) }

    /// - Parameter capacity: of each node, in millicores.
    package init(nodes: Int, capacity: Int, within time: Duration, using generator: inout SplitMix64) {
        // From half empty to so full that hardly anything fits anywhere: then ISPs go round the ring, meet and block.
        let fullness = [45, 60, 70, 76].randomElement(using: &generator) ?? 60
        self.guests = (0..<nodes).map { _ in
            Self.drawGuests(cpuMillicores: capacity * fullness / 100, using: &generator)
        }
        self.entries = []
        let spells = Self.spells(in: time)
        for _ in 0..<Int.random(in: 2...4, using: &generator) * spells {
            self.addOverloads(nodes: nodes, capacity: capacity, within: time, using: &generator)
        }
        for _ in 0..<Int.random(in: 0...4, using: &generator) * spells {
            let node = Int.random(in: 0..<nodes, using: &generator)
            let flap = Act.flap(
                node: node, cpuMillicores: capacity * 110 / 100,
                period: .milliseconds(Int64.random(in: 500...6_000, using: &generator)))
            let acts = [Act.drain(node: node), .injectUnderload(node: node), .injectOverload(node: node), flap]
            self.entries.append(
                Entry(
                    at: Self.draw(upTo: time, using: &generator),
                    lasts: .seconds(Int64.random(in: 20...60, using: &generator)),
                    act: acts.randomElement(using: &generator) ?? .drain(node: node)))
        }
        self.entries.sort { $0.at < $1.at }
    }

    private static func drawGuests(cpuMillicores: Int, using generator: inout SplitMix64) -> [Guest] {
        var guests: [Guest] = []
        var left = cpuMillicores
        while left >= 200 {
            let cpu = min(left, [200, 400, 500, 700, 1_000].randomElement(using: &generator) ?? 400)
            left -= cpu
            let memory = [128, 256, 512, 1_024, 2_048].randomElement(using: &generator) ?? 512
            guests.append(
                Guest(
                    cpuMillicores: cpu, memoryMiB: memory,
                    dirtyMiBPerSecond: Int.random(in: 0...40, using: &generator)))
        }
        return guests
    }

    /// A few neighbours, or nodes far apart, are overloaded within a few seconds.
    private mutating func addOverloads(
        nodes: Int, capacity: Int, within time: Duration, using generator: inout SplitMix64
    ) {
        let at = Self.draw(upTo: time * 3 / 4, using: &generator)
        let first = Int.random(in: 0..<nodes, using: &generator)
        let stride = Bool.random(using: &generator) ? 1 : Int.random(in: 2...5, using: &generator)
        for index in 0..<Int.random(in: 1...5, using: &generator) {
            self.entries.append(
                Entry(
                    at: at + .milliseconds(Int64.random(in: 0...4_000, using: &generator)),
                    lasts: .seconds(Int64.random(in: 15...60, using: &generator)),
                    act: .overload(
                        node: (first + index * stride) % nodes,
                        cpuMillicores: capacity * Int.random(in: 83...120, using: &generator) / 100)))
        }
    }

    private static func draw(upTo time: Duration, using generator: inout SplitMix64) -> Duration {
        .milliseconds(Int64.random(in: 0...time.inMilliseconds, using: &generator))
    }
}
