/// Counts by key, of which nearly all are zero: takes memory by what is counted, not by what could be.
///
/// Open addressing with linear probing. Nothing ever walks over it, so its order does not show.
struct CountTable: Sendable {
    private static let free = -1

    private var keys: [Int]
    private var values: [Int]
    private var used = 0

    init(expecting count: Int) {
        var capacity = 8
        while capacity < count * 2 { capacity *= 2 }
        self.keys = Array(repeating: Self.free, count: capacity)
        self.values = Array(repeating: 0, count: capacity)
    }

    /// The count at `key`, which is not negative.
    subscript(key: Int) -> Int {
        let slot = self.slot(of: key)
        return self.keys[slot] == key ? self.values[slot] : 0
    }

    /// Adds `amount` to the count at `key`, and tells what it then is.
    @discardableResult
    mutating func add(_ amount: Int, at key: Int) -> Int {
        var slot = self.slot(of: key)
        if self.keys[slot] == Self.free {
            if self.used * 2 >= self.keys.count {
                self.rebuild()
                slot = self.slot(of: key)
            }
            self.keys[slot] = key
            self.used += 1
        }
        self.values[slot] += amount
        return self.values[slot]
    }

    private func slot(of key: Int) -> Int {
        let mask = self.keys.count - 1
        // Fibonacci hashing: the high bits of a product with 2⁶⁴ ÷ φ are well spread.
        var slot = Int(truncatingIfNeeded: (UInt(bitPattern: key) &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while self.keys[slot] != key, self.keys[slot] != Self.free { slot = (slot + 1) & mask }
        return slot
    }

    /// Forgets the zeros, and grows when that does not suffice.
    private mutating func rebuild() {
        let live = self.values.count { $0 != 0 }
        var rebuilt = CountTable(expecting: max(live * 2, self.keys.count / 2))
        for slot in self.keys.indices where self.values[slot] != 0 {
            rebuilt.add(self.values[slot], at: self.keys[slot])
        }
        self = rebuilt
    }
}
