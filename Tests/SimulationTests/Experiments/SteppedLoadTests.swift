import Basis
import Simulation
import Testing

/// Goal: the load is the published one. Method: its first 200,000 changes against the moments of its distributions, with
/// bounds of more than five standard errors.
@Suite("The load of VMPlaceS")
struct SteppedLoadTests {
    private static let vms = 100
    private static let count = 200_000

    private func changes(_ load: SteppedLoad) -> [LoadChange] {
        var load = load
        return (0..<Self.count).compactMap { _ in load.next() }
    }

    @Test("changes each VM's load once in a period on average", arguments: Seeds.chosen(1...3))
    func gaps(seed: UInt64) throws {
        let changes = self.changes(SteppedLoad(vms: Self.vms, seed: seed))
        let last = try #require(changes.last)
        let perChange = last.at.inSeconds / Double(Self.count)
        #expect(abs(perChange - 3) < 3 * 5.5 / Double(Self.count).squareRoot())
        // Of an exponential distribution the standard deviation is the mean.
        let gaps = zip(changes.dropFirst(), changes).map { ($0.at - $1.at).inSeconds }
        let squares = gaps.reduce(0) { $0 + ($1 - perChange) * ($1 - perChange) }
        #expect(abs((squares / Double(gaps.count)).squareRoot() - 3) < 0.1)
        #expect(gaps.allSatisfy { $0 >= 0 })
    }

    @Test("draws tens of percent around the mean", arguments: Seeds.chosen(1...3))
    func loads(seed: UInt64) {
        let percents = self.changes(SteppedLoad(vms: Self.vms, seed: seed)).map(\.percent)
        #expect(Set(percents) == Set(stride(from: 0, through: 100, by: 10)))
        let mean = Double(percents.reduce(0, +)) / Double(Self.count)
        let variance =
            percents.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(Self.count)
        // N(60, 20) cut to 0…100 and rounded to tens has the mean 59.86 and the standard deviation 19.84.
        #expect(abs(mean - 59.86) < 0.25, "mean \(mean)")
        #expect(abs(variance.squareRoot() - 19.84) < 0.2, "standard deviation \(variance.squareRoot())")
    }

    @Test("chooses every VM as often", arguments: Seeds.chosen(1...3))
    func choices(seed: UInt64) {
        var counts = Array(repeating: 0, count: Self.vms)
        for change in self.changes(SteppedLoad(vms: Self.vms, seed: seed)) { counts[change.vm] += 1 }
        let expected = Double(Self.count / Self.vms)
        #expect(counts.allSatisfy { abs(Double($0) - expected) < 5.5 * expected.squareRoot() })
    }

    @Test("draws when, who and how much from streams of their own")
    func streams() {
        let plain = self.changes(SteppedLoad(vms: Self.vms, seed: 7))
        var settings = SteppedLoad.Settings()
        settings.meanPercent = 30
        let changed = self.changes(SteppedLoad(settings, vms: Self.vms, seed: 7))
        #expect(plain.map(\.at) == changed.map(\.at))
        #expect(plain.map(\.vm) == changed.map(\.vm))
        #expect(plain.map(\.percent) != changed.map(\.percent))
        #expect(plain == self.changes(SteppedLoad(vms: Self.vms, seed: 7)))
    }
}
