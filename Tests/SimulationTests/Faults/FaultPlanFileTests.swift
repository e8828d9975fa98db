import Basis
import Settings
import Simulation
import Testing

/// Goal: a failing seed becomes a file that people can read and edit, and that fails in the same way. Method: what seeds
/// draw is written, read and run again; and files by hand.
@Suite("A fault plan's file")
struct FaultPlanFileTests {
    private func read(_ text: String) throws(InvalidSettings) -> FaultPlanFile {
        try FaultPlanFile.read(file: "plan.yaml") { _ in text }
    }

    private func problems(_ text: String) -> [String] {
        let found = #expect(throws: InvalidSettings.self) { try self.read(text) }?.problems ?? []
        return found.map { "\($0.line) \($0.key): \($0.text)" }
    }

    private var campaign: FaultCampaign {
        FaultCampaign(nodes: 8...8, faultTime: .seconds(20), calmTime: .seconds(5))
    }

    @Test("says exactly what a seed drew, of every kind of fault")
    func roundTrip() throws {
        var names: Set<String> = []
        for seed in UInt64(1)...40 {
            var generator = SplitMix64(seed: seed)
            let workload = Workload(nodes: 16, capacity: 4_000, within: .seconds(90), using: &generator)
            let plan = FaultPlan(within: .seconds(90), using: &generator)
            let file = FaultPlanFile(
                seed: .max - seed, nodes: 16, faultTime: .seconds(90), load: workload.entries, plan: plan)
            #expect(try self.read(file.text) == file)
            names.formUnion(plan.entries.map(\.fault.name) + plan.ambushes.map(\.fault.name))
        }
        #expect(names == Set(Fault.names))
    }

    @Test("lets the same happen, to the trace's hash", arguments: Seeds.chosen(1...3))
    func sameTrace(seed: UInt64) async throws {
        let drawn = try await self.campaign.run(seed: seed)
        var again = self.campaign
        again.written = try self.read(again.file(of: drawn.value).text)
        let repeated = try await again.run(seed: seed)
        #expect(repeated.report.traceHash == drawn.report.traceHash)
        #expect(repeated.value.parts == drawn.value.parts)
    }

    @Test("of a few parts lets these happen, to the trace's hash")
    func someParts() async throws {
        var campaign = self.campaign
        campaign.only = [1, 4, 9, 12]
        let few = try await campaign.run(seed: 5)
        var again = self.campaign
        again.written = try self.read(campaign.file(of: few.value).text)
        let repeated = try await again.run(seed: 5)
        #expect(repeated.report.traceHash == few.report.traceHash)
        // The first part is how messages fare.
        #expect(repeated.value.parts.count == 1 + 4)
        #expect(repeated.value.tally.faults == few.value.tally.faults)
    }

    @Test("takes the place of what a seed draws, and strikes whom it names")
    func insteadOfTheSeed() async throws {
        var campaign = self.campaign
        campaign.written = try self.read("{}")
        let quiet = try await campaign.run(seed: 3).value
        #expect(quiet.tally.faults == [:] && quiet.tally.ispsStarted == 0)
        #expect(quiet.parts == ["messages: clean"])

        campaign.written = try self.read(
            """
            faults:
              - {at: 6s, for: 10ms, fault: crash}
              - {at: 5s, for: 10ms, fault: crash, of: n3}
            """)
        let struck = try await campaign.run(seed: 3).value
        #expect(struck.tally.faults == ["crash": 2])
        #expect(struck.parts[1] == "5.000000000 s: crash of n3, for 0.010000000 s")
    }

    @Test("makes the links of the node that it names slow, and then as they were")
    func slowLinks() async throws {
        var campaign = self.campaign
        campaign.written = try self.read(
            "faults: [{at: 5s, for: 2s, fault: slow-links, delay: 120ms, bandwidth: 10%, of: n3}]")
        let outcome = try await campaign.run(seed: 3, options: WorldOptions(traceLinesMax: 1_000_000))
        #expect(outcome.value.tally.faults == ["slow links": 1])
        let told = outcome.report.traceLines.filter { $0.contains(" delay ") }
        #expect(told.map { $0.drop { $0 != " " } } == [" delay node=n3 ns=120000000", " delay node=n3 ns=0"])
    }

    @Test("refuses a ring without a node that it names")
    func noSuchNode() async throws {
        var campaign = self.campaign
        campaign.written = try self.read("load: [{at: 1s, for: 1s, act: drain, node: n9}]")
        let refusal = await #expect(throws: NoSuchNode.self) { try await campaign.run(seed: 1) }
        #expect(refusal?.description == "the plan names n9, and the ring has the nodes n1 to n8")
        campaign.nodes = 9...9
        _ = try await campaign.run(seed: 1)
    }

    @Test("is told all that is wrong with it at once, line by line")
    func allProblems() {
        let problems = self.problems(
            """
            seed: many
            nodes: 2
            network: {latency_min: 20ms, latency_max: 10ms, lost: 2, ordered: perhaps}
            load:
              - {at: 1s, for: 1s, act: overload, node: m1}
              - {at: 1, for: 1s, act: overlaod, node: n1, cpu: 4}
            faults:
              - {at: 1s, fault: crash, nodes: 3}
              - {at: 1s, for: 1s, fault: split, of: nobody}
              - {at: 1s, for: 1s, fault: slow-links, delay: 1h, bandwidth: 0%}
              - {at: 1s, for: 1s, fault: slow-hypervisor, delay: 5s}
              - {at: 1s, for: 1s, fault: failed-migration, stage: end}
            ambushes:
              - {from: 1s, moment: lunch, for: 1s, fault: crash}
            wether: bad
            """)
        let places = problems.map { $0.split(separator: ":")[0] }
        #expect(
            places == [
                "1 seed", "2 nodes", "3 network", "3 network.lost", "3 network.ordered", "5 load[0].cpu",
                "5 load[0].node",
                "6 load[1].act", "6 load[1].at", "8 faults[0].for", "8 faults[0].nodes", "9 faults[1].nodes",
                "9 faults[1].of", "10 faults[2].bandwidth", "10 faults[2].delay", "11 faults[3].delay",
                "12 faults[4].stage", "14 ambushes[0].moment", "15 wether",
            ], "\(problems)")
        #expect(problems.contains("11 faults[3].delay: expected 0s to 4s, got 5s"))
        #expect(
            problems.contains(#"12 faults[4].stage: expected one of start, copy, switch-over, arrival, got "end""#))
    }

    @Test("names nodes of its ring only", arguments: ["n5", "n0", "n+1", "n01", "n", "1", "5"])
    func nodes(name: String) {
        let problems = self.problems(
            """
            nodes: 4
            load: [{at: 1s, for: 1s, act: drain, node: \(name)}]
            faults: [{at: 1s, for: 1s, fault: pause, of: \(name)}]
            """)
        #expect(
            problems == [
                #"2 load[0].node: expected a node, n1 to n4, got "\#(name)""#,
                "3 faults[0].of: expected one of any-node, initiator, member, flying, or a node, n1 to n4, got \"\(name)\"",
            ])
    }

    @Test("that comes with DVMS shows every kind of fault, and a ring survives it")
    func example() async throws {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        let path = folder.joined(separator: "/") + "/configs/fault-plan.yaml"
        let file = try FaultPlanFile.read(file: path, contentsOf: FileText.read)
        let named = file.plan.entries.map(\.fault.name)
        let stages = Fault.names.filter { $0.hasPrefix("failed ") }
        #expect(Set(named).union(stages) == Set(Fault.names))
        var campaign = FaultCampaign(nodes: 8...8, faultTime: try #require(file.faultTime))
        campaign.written = file
        let report = try await campaign.run(seed: try #require(file.seed)).value
        for violation in report.violations { Issue.record(violation) }
        #expect(report.tally.ispsStarted > 0 && report.tally.faults["slow links"] == 1)
    }
}
