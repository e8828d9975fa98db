package import Basis

/// Names one split.
package struct SplitID: Hashable, Sendable {
    var number: UInt64
}

/// Two sets of nodes of which one, or neither, reaches the other.
package struct NetworkSplit: Hashable, Sendable, CustomStringConvertible {
    package enum Direction: Hashable, Sendable {
        /// Only what the first set sends is lost.
        case oneWay
        case bothWays
    }

    package let first: Set<NodeID>
    package let second: Set<NodeID>
    package let direction: Direction

    package init(_ first: [NodeID], from second: [NodeID], _ direction: Direction = .bothWays) {
        self.first = Set(first)
        self.second = Set(second)
        self.direction = direction
    }

    func cuts(from sender: NodeID, to receiver: NodeID) -> Bool {
        if self.first.contains(sender), self.second.contains(receiver) { return true }
        return self.direction == .bothWays && self.second.contains(sender) && self.first.contains(receiver)
    }

    package var description: String {
        let arrow = self.direction == .oneWay ? "-/->" : "<-/->"
        return [self.first, self.second].map { set in
            "{" + set.sorted().map(\.name).joined(separator: ",") + "}"
        }.joined(separator: arrow)
    }
}
