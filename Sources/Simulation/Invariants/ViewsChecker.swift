package import Basis

/// P13: once nothing goes wrong any more, every agent comes to see every node alive.
package struct ViewsChecker: InvariantChecker {
    private let nodes: Int

    /// - Parameter nodes: of the ring.
    package init(nodes: Int) {
        self.nodes = nodes
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        guard case .sees(let node, let alive) = fact, alive != self.nodes else { return [] }
        return [Breach(.viewsConverge, node: node, "sees \(alive) of \(self.nodes) nodes alive in the end")]
    }
}
