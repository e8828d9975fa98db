import Basis
import Simulation
import Testing

/// Goal: each preset is what its name says. Method: a small fleet of each, for as long as it takes to show it.
@Suite("Presets of experiments")
struct PresetTests {
    private func experiment(
        _ preset: Experiment.Preset, nodes: Int, seconds: Int64, _ algorithm: Experiment.Algorithm = .dvms,
        load: LoadProfile? = nil
    ) -> Experiment {
        var experiment = Experiment(preset, nodes: nodes, vmsPerNode: nil, algorithm: algorithm, load: load)
        experiment.duration = .seconds(seconds)
        return experiment
    }

    @Test("nodes are as far from each other as their racks, and all in one unless said otherwise")
    func racks() async throws {
        var usual = self.experiment(.vmplaces, nodes: 24, seconds: 1_200)
        let near = try await usual.run(seed: 1).result
        usual.shape.rackLatency = .milliseconds(200)
        #expect(try await usual.run(seed: 1).result.traceHash == near.traceHash)
        usual.shape.racks = 24
        let far = try await usual.run(seed: 1).result
        // In milliseconds; to ask one other node takes twice the latency.
        #expect(near.isps.count > 0 && near.isps.decideMedian < 10, "\(near.isps)")
        #expect(far.isps.count > 0 && far.isps.decideMedian > 400, "\(far.isps)")
    }

    @Test("paper has the published fleet, and measures how long each set of overloads takes")
    func paper() async throws {
        let shape = Experiment(.paper, nodes: nil, vmsPerNode: nil, algorithm: .dvms).shape
        #expect(shape.nodes == 467 && shape.vms == 4_754 && shape.sites == 4)
        for algorithm in [Experiment.Algorithm.dvms, .centralOwn] {
            let outcome = try await self.experiment(.paper, nodes: 40, seconds: 900, algorithm).run(seed: 1)
            let sets = try #require(outcome.result.sets)
            #expect(sets.count >= 1 && sets.count <= 3)
            // All that begins at one change ends well before the next.
            #expect(sets.solveMean <= sets.solveMax && (8...120).contains(sets.solveMax), "\(sets)")
            #expect((90...100).contains(outcome.result.isps.migratingPercent))
        }
    }

    @Test("churn lets agents crash, leave and come back while overloads are repaired")
    func churn() async throws {
        var experiment = self.experiment(.churn, nodes: 16, seconds: 1_500)
        experiment.churn?.uptime = .seconds(300)
        experiment.churn?.downtime = .seconds(30)
        let outcome = try await experiment.run(seed: 2)
        #expect(outcome.result.isps.byOutcome["solved", default: 0] > 0)
        experiment.churn = nil
        let quiet = try await experiment.run(seed: 2)
        // Who starts says so to all, and who stops takes its migrations along; the load is the same.
        #expect(outcome.result.messages.total != quiet.result.messages.total)
        #expect(outcome.result.violations.total >= quiet.result.violations.total)
        #expect(outcome.result.migrations.failed > 0 && quiet.result.migrations.failed == 0)
    }

    @Test("consolidation empties nodes", arguments: [Experiment.Algorithm.dvms, .centralOwn])
    func consolidation(algorithm: Experiment.Algorithm) async throws {
        let outcome = try await self.experiment(.consolidation, nodes: 12, seconds: 1_200, algorithm).run(seed: 1)
        #expect(outcome.result.online.least < 10, "\(outcome.result.online)")
        #expect(outcome.result.online.mean < 12)
        // Emptying a node takes plans of several steps, whose migrations must not be taken for one another.
        #expect(outcome.result.migrations.count > 0 && outcome.result.migrations.failed == 0)
        let idle = try await self.experiment(.consolidation, nodes: 12, seconds: 60, .none).run(seed: 1)
        #expect(idle.result.online.least == 12 && idle.result.online.mean == 12)
    }

    @Test("planetlab replays a record on guests of four CPUs")
    func planetlab() async throws {
        // One guest of ten wants everything all the time, so that some node has too many of them.
        let rows = (0..<50).map { $0 % 10 == 0 ? "100,100" : $0 % 5 == 1 ? "40,10" : "5,5" }
        let trace = try CPUTrace(csv: rows.joined(separator: "\n"), file: "t")
        let outcome = try await self.experiment(.planetlab, nodes: 5, seconds: 900, load: .trace(trace)).run(seed: 1)
        #expect(outcome.result.violations.count > 0 && outcome.result.migrations.count > 0)
    }
}
