import Basis
import Simulation
import Testing

/// Goal: of what goes wrong in a failing run, little is left to look at. Method: runs of which the test decides how they
/// end; and a real one of which parts are left out.
@Suite("Shrinking a course of faults")
struct FaultShrinkerTests {
    @Test("keeps exactly what is needed, wherever it is")
    func keepsWhatIsNeeded() async throws {
        for needed in [[0], [99], [3, 4], [7, 50, 93]] {
            var shrinker = FaultShrinker { parts in needed.allSatisfy(parts.contains) }
            #expect(try await shrinker.shrink(Array(0..<100)) == needed)
        }
    }

    @Test("leaves everything out when the run ends badly without faults")
    func needsNothing() async throws {
        var shrinker = FaultShrinker { _ in true }
        #expect(try await shrinker.shrink(Array(0..<10)) == [])
    }

    @Test("ends after a bounded number of runs")
    func isBounded() async throws {
        var runs = 0
        var shrinker = FaultShrinker { parts in
            runs += 1
            // Nothing can be left out.
            return parts.count == 5_000
        }
        let parts = try await shrinker.shrink(Array(0..<5_000))
        #expect(parts.count == 5_000)
        #expect(runs == FaultShrinker.runsMax)
    }

    @Test("a campaign with all parts named is the whole campaign, and one with none has no fault")
    func partsOfACampaign() async throws {
        var campaign = FaultCampaign(nodes: 8...8, faultTime: .seconds(20), calmTime: .seconds(5))
        let whole = try await campaign.run(seed: 3)
        campaign.only = Set(whole.value.parts.indices)
        let again = try await campaign.run(seed: 3)
        #expect(again.report == whole.report)
        campaign.only = []
        let quiet = try await campaign.run(seed: 3)
        #expect(quiet.value.tally.faults == [:])
        #expect(quiet.value.parts == whole.value.parts)
    }
}
