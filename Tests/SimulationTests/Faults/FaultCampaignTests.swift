import Simulation
import Testing

/// Goal: whatever happens to agents, messages and hypervisors, every invariant of the protocol holds. Method: a ring for
/// each seed, a time of faults drawn from it, then a calm one that must end well. `make seeds` runs a thousand.
@Suite("A ring under faults")
struct FaultCampaignTests {
    @Test("keeps P1-P14, and is put to everything that the protocol provides for")
    func invariantsHold() async throws {
        var tally = FaultTally()
        let seeds = Seeds.chosen(1...25)
        for try await outcome in FaultCampaign().outcomes(of: seeds) {
            tally = tally + outcome.value.tally
            for violation in outcome.value.violations { Issue.record(violation) }
        }
        guard seeds.count > 1 else { return }
        let counts = [
            tally.outcomes("yielded"), tally.outcomes("solved"), tally.hops, tally.waits,
            tally.leasesLapsed, tally.guestsInDoubt, tally.staleAnswers, tally.migrationsMoved,
        ]
        #expect(counts.allSatisfy { $0 > 0 }, "\(tally)")
        #expect(tally.missing == [], "every kind of fault strikes")
    }

    @Test("tells the same trace twice, line by line", arguments: Seeds.chosen(1...3))
    func sameTrace(seed: UInt64) async throws {
        let options = WorldOptions(traceLinesMax: 1_000_000)
        let campaign = FaultCampaign(faultTime: .seconds(60), calmTime: .seconds(5))
        let first = try await campaign.run(seed: seed, options: options)
        let second = try await campaign.run(seed: seed, options: options)
        #expect(first.report.traceLines.count > 3_000)
        #expect(first.value.story == second.value.story)
        let differing = zip(first.report.traceLines, second.report.traceLines).first { $0 != $1 }
        #expect(differing == nil)
        #expect(first.report == second.report)
    }

    @Test("refuses a part that a seed does not have, and names those that it has")
    func noSuchPart() async throws {
        var campaign = FaultCampaign(nodes: 3...3, faultTime: .seconds(1), calmTime: .seconds(1))
        let parts = try await campaign.run(seed: 1).value.parts.count
        campaign.only = [0, parts, parts + 7]
        let refusal = await #expect(throws: FaultCampaign.NoSuchPart.self) { try await campaign.run(seed: 1) }
        #expect(refusal?.description == "seed 1 has no part \(parts): its parts are 0 to \(parts - 1)")
        campaign.only = [0, parts - 1]
        #expect(try await campaign.run(seed: 1).value.parts.count == parts)
    }

    @Test("differs from seed to seed")
    func seedsDiffer() async throws {
        let campaign = FaultCampaign(nodes: 8...8, faultTime: .seconds(5), calmTime: .seconds(1))
        var hashes: Set<UInt64> = []
        for try await outcome in campaign.outcomes(of: Array(1...4)) { hashes.insert(outcome.report.traceHash) }
        #expect(hashes.count == 4)
    }
}
