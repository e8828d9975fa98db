/// The ordinals 0 to `count − 1`, each once, in an order that looks random and needs no list.
///
/// The i-th is (start + i · step) mod count with `step` coprime to `count`. A list of the ring shuffled by each of
/// 100,000 agents would be the largest thing in the process.
package struct ShuffledOrdinals: Sequence, IteratorProtocol, Sendable {
    private var upcoming: Int
    private let step: Int
    private let count: Int
    private var left: Int

    package init(count: Int, using rng: inout some RandomNumberGenerator) {
        self.count = count
        self.left = count
        guard count > 1 else {
            self.upcoming = 0
            self.step = 0
            return
        }
        self.upcoming = Int.random(in: 0..<count, using: &rng)
        // At least one of six numbers is coprime to any count up to a million, so this ends at once; and it ends for
        // certain, since 1 is coprime to every count.
        var step = Int.random(in: 1..<count, using: &rng)
        while Self.greatestCommonDivisor(step, count) != 1 {
            step = step % (count - 1) + 1
        }
        self.step = step
    }

    package mutating func next() -> Int? {
        guard self.left > 0 else { return nil }
        self.left -= 1
        defer { self.upcoming = (self.upcoming + self.step) % self.count }
        return self.upcoming
    }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        var (larger, smaller) = (first, second)
        while smaller != 0 {
            (larger, smaller) = (smaller, larger % smaller)
        }
        return larger
    }
}
