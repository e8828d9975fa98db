import Basis
import ClusterActors
import Testing

@Suite("membership settings")
struct MembershipSettingsTests {
    @Test("give the times that their formulas say", arguments: [(1, 5), (3, 6), (4, 7), (8, 8), (64, 11), (5_000, 17)])
    func suspicionMinimum(members: Int, seconds: Int) {
        let settings = MembershipSettings()
        #expect(settings.suspicionMinimum(members: members) == .seconds(seconds))
        #expect(settings.suspicionMaximum(members: members) == .seconds(6 * seconds))
    }

    @Test("are refused when a round does not fit into an interval, and out of range")
    func validate() throws {
        var settings = MembershipSettings()
        try settings.validate()
        settings.probeTimeout = .milliseconds(334)
        #expect(
            throws: MembershipSettingsError.probeRoundTooLong(round: .milliseconds(1_002), probeInterval: .seconds(1))
        ) {
            try settings.validate()
        }
        settings = MembershipSettings()
        settings.healInterval = .zero
        #expect(throws: MembershipSettingsError.outOfRange(setting: "healInterval")) { try settings.validate() }
        settings = MembershipSettings()
        settings.gossipBytesMax = 100
        #expect(throws: MembershipSettingsError.outOfRange(setting: "gossipBytesMax")) { try settings.validate() }
    }
}

@Suite("shuffled ordinals")
struct ShuffledOrdinalsTests {
    @Test("give each ordinal once", arguments: [0, 1, 2, 3, 4, 12, 30, 97, 1_000, 30_030])
    func permutation(count: Int) {
        for seed in 0..<UInt64(20) {
            var rng = SplitMix64(seed: seed)
            let ordinals = Array(ShuffledOrdinals(count: count, using: &rng))
            #expect(ordinals.sorted() == Array(0..<count), "seed \(seed)")
        }
    }
}
