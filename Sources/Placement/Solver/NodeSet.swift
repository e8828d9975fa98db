/// A set of node indices, one bit each.
struct NodeSet: Hashable, Sendable {
    private var words: [UInt64]

    init(universe count: Int) {
        self.words = Array(repeating: 0, count: (count + 63) / 64)
    }

    func contains(_ node: Int) -> Bool {
        self.words[node >> 6] & (1 << UInt64(node & 63)) != 0
    }

    mutating func insert(_ node: Int) {
        self.words[node >> 6] |= 1 << UInt64(node & 63)
    }

    mutating func remove(_ node: Int) {
        self.words[node >> 6] &= ~(1 << UInt64(node & 63))
    }

    mutating func formIntersection(_ other: NodeSet) {
        for index in self.words.indices { self.words[index] &= other.words[index] }
    }

    mutating func subtract(_ other: NodeSet) {
        for index in self.words.indices { self.words[index] &= ~other.words[index] }
    }

    mutating func formUnion(_ other: NodeSet) {
        for index in self.words.indices { self.words[index] |= other.words[index] }
    }

    var isEmpty: Bool { self.words.allSatisfy { $0 == 0 } }

    var count: Int { self.words.reduce(0) { $0 + $1.nonzeroBitCount } }

    func isDisjoint(with other: NodeSet) -> Bool { zip(self.words, other.words).allSatisfy { $0 & $1 == 0 } }

    func isSubset(of other: NodeSet) -> Bool { zip(self.words, other.words).allSatisfy { $0 & ~$1 == 0 } }

    /// Its members in ascending order.
    var members: [Int] {
        self.words.indices.flatMap { index in
            (0..<64).compactMap { self.words[index] & (1 << UInt64($0)) != 0 ? index * 64 + $0 : nil }
        }
    }
}
