import Basis
import Testing

@Suite("The seeded generator")
struct SplitMix64Tests {
    /// The first outputs of the reference implementation (Vigna, splitmix64.c) for seed 1234567.
    @Test("gives the published numbers")
    func published() {
        var random = SplitMix64(seed: 1_234_567)
        let numbers = (0..<5).map { _ in random.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("a split generator and its parent give different numbers, the same ones for the same seed")
    func split() {
        var first = SplitMix64(seed: 7)
        var second = SplitMix64(seed: 7)
        var child = first.split()
        var twin = second.split()
        let childNumbers = (0..<8).map { _ in child.next() }
        #expect(childNumbers == (0..<8).map { _ in twin.next() })
        #expect(childNumbers != (0..<8).map { _ in first.next() })
        #expect(second.next() != 0)
    }
}
