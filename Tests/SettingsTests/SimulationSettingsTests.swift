import Basis
import Settings
import Testing

/// Goal: a scenario's file says what it means, and everything that is wrong with one is told at once.
@Suite("The file of a simulation")
struct SimulationSettingsTests {
    private static let words = SimulationSettings.Words(presets: ["one", "two"], algorithms: ["this", "that"])

    private func read(_ text: String) throws(InvalidSettings) -> SimulationSettings {
        try SimulationSettings.read(file: "dir/s.yaml", words: Self.words) { _ in text }
    }

    @Test("may say everything")
    func everything() throws {
        let settings = try self.read(
            """
            preset: two
            nodes: 300
            vms_per_node: 12
            vcpus: 2
            sites: 3
            site_latency: 20ms
            racks: 4
            rack_latency: 500us
            duration: 1h
            algorithm: this
            partition_min: 8
            trigger: 95%
            trigger_hold: 20
            demand_persistence: 50%
            underload: 30%
            dirty: 80%
            host_disk: 400MiB/s
            host_network: unlimited
            seed: 7
            runs: 3
            load:
              stepped:
                period: 2min
                mean: 50%
                deviation: 10%
                low: 5%
                wave: 1h
                disk: {max: 50MiB/s, mean: 30%, deviation: 7%, period: 30s}
                network: {max: 1GiB/s}
            churn: {uptime: 10min, downtime: 30s}
            """)
        var expected = SimulationSettings()
        expected.preset = "two"
        expected.nodes = 300
        expected.vmsPerNode = 12
        expected.vcpus = 2
        expected.sites = 3
        expected.siteLatency = .milliseconds(20)
        expected.racks = 4
        expected.rackLatency = .microseconds(500)
        expected.duration = .seconds(3_600)
        expected.algorithm = "this"
        expected.partitionMin = 8
        expected.triggerPercent = 95
        expected.triggerHold = 20
        expected.demandPersistencePercent = 50
        expected.underloadPercent = 30
        expected.dirtyPercent = 80
        expected.hostDiskMiBPerSecond = 400
        expected.hostNetworkMiBPerSecond = 0
        expected.seed = 7
        expected.runs = 3
        expected.load = .stepped(
            period: .seconds(120), meanPercent: 50, deviationPercent: 10, lowPercent: 5, wave: .seconds(3_600),
            shares: SimulationSettings.Shares(
                disk: .init(mostMiBPerSecond: 50, meanPercent: 30, deviationPercent: 7, period: .seconds(30)),
                network: .init(mostMiBPerSecond: 1_024, meanPercent: nil, deviationPercent: nil, period: nil)))
        #expect(settings.churn?.uptime == .seconds(600) && settings.churn?.downtime == .seconds(30))
        expected.churn = settings.churn
        #expect(settings == expected)
    }

    @Test("may say nothing, and finds a trace beside itself")
    func little() throws {
        #expect(try self.read("{}") == SimulationSettings())
        let load = try self.read("load: {trace: {file: cpu.csv}}").load
        guard case .trace(let file, nil) = load else {
            Issue.record("\(String(describing: load))")
            return
        }
        #expect(file.hasSuffix("/dir/cpu.csv"))
        #expect(
            try self.read("load: {redrawn: {interval: 5min}}").load
                == .redrawn(interval: .seconds(300), meanPercent: nil, deviationPercent: nil))
    }

    @Test("is told all that is wrong with it at once, line by line")
    func problems() {
        let text = """
            preset: three
            nodes: 1
            duration: 5
            load:
              stepped: {low: 5%}
              trace: {interval: 1s}
            churn: {uptime: 1ms}
            speed: fast
            """
        let problems = #expect(throws: InvalidSettings.self) { try self.read(text) }?.problems ?? []
        #expect(
            problems.map { "\($0.line) \($0.key)" } == [
                "1 preset", "2 nodes", "3 duration", "4 load", "5 load.stepped", "6 load.trace.file", "7 churn.uptime",
                "8 speed",
            ], "\(problems)")
        #expect(problems.first?.text == #"expected one of one, two, got "three""#)
    }

    @Test("is told what is wrong with what guests want besides CPU")
    func shareProblems() {
        let text = """
            host_disk: 5
            load:
              stepped:
                disk: {mean: 50%}
                network: {max: unlimited}
                dirty: {max: 5MiB/s, mean: 101%, speed: 1}
            """
        let problems = #expect(throws: InvalidSettings.self) { try self.read(text) }?.problems ?? []
        #expect(
            problems.map { "\($0.line) \($0.key)" } == [
                "1 host_disk", "4 load.stepped.disk.max", "5 load.stepped.network.max", "6 load.stepped.dirty.mean",
                "6 load.stepped.dirty.speed",
            ], "\(problems)")
        #expect(problems.dropFirst().first?.text == "missing: what 100% are, such as 50MiB/s")
        #expect(problems.dropFirst(2).first?.text == "expected 1MiB/s to 1000000MiB/s, got 0MiB/s")
    }
}
