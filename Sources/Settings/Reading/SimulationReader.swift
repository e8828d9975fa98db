import Basis
import Foundation

/// Reads the file of a simulation.
enum SimulationReader {
    /// Percents of distributions.
    private static let percentRange = 0...100
    private static let intervalRange = SimulationSettings.durationRange

    static func read(_ root: inout SettingsSection, _ words: SimulationSettings.Words) -> SimulationSettings {
        typealias Limits = SimulationSettings
        var settings = SimulationSettings()
        settings.preset = root.word("preset", among: words.presets)
        settings.nodes = Self.count(&root, "nodes", in: Limits.nodesRange)
        settings.vmsPerNode = Self.count(&root, "vms_per_node", in: Limits.vmsPerNodeRange)
        settings.vcpus = Self.count(&root, "vcpus", in: Limits.vcpusRange)
        settings.sites = Self.count(&root, "sites", in: Limits.sitesRange)
        settings.siteLatency = Self.duration(&root, "site_latency", in: Limits.siteLatencyRange)
        settings.racks = Self.count(&root, "racks", in: Limits.racksRange)
        settings.rackLatency = Self.duration(&root, "rack_latency", in: Limits.rackLatencyRange)
        settings.duration = Self.duration(&root, "duration", in: Limits.durationRange)
        settings.algorithm = root.word("algorithm", among: words.algorithms)
        settings.partitionMin = Self.count(&root, "partition_min", in: Limits.partitionMinRange)
        settings.triggerPercent = Self.percent(&root, "trigger", in: Limits.triggerRange)
        settings.triggerHold = Self.count(&root, "trigger_hold", in: Limits.triggerHoldRange)
        settings.demandPersistencePercent = Self.percent(
            &root, "demand_persistence", in: Limits.demandPersistenceRange)
        settings.underloadPercent = Self.percent(&root, "underload", in: Limits.underloadRange)
        settings.dirtyPercent = Self.percent(&root, "dirty", in: Limits.dirtyRange)
        settings.hostDiskMiBPerSecond = Self.rate(&root, "host_disk", in: Limits.hostRateRange)
        settings.hostNetworkMiBPerSecond = Self.rate(&root, "host_network", in: Limits.hostRateRange)
        settings.seed = Self.count(&root, "seed", in: 0...Int.max)
        settings.runs = Self.count(&root, "runs", in: Limits.runsRange)
        settings.load = Self.load(&root)
        settings.churn = Self.churn(&root)
        return settings
    }

    private static func load(_ root: inout SettingsSection) -> SimulationSettings.Load? {
        var section = root.section("load")
        let stepped = Self.stepped(&section)
        let redrawn = Self.redrawn(&section)
        let trace = Self.trace(&section)
        section.finish()
        guard root.has("load"), section.hasOne(of: ["stepped", "redrawn", "trace"]) else { return nil }
        return stepped ?? redrawn ?? trace
    }

    private static func stepped(_ load: inout SettingsSection) -> SimulationSettings.Load? {
        let given = load.has("stepped")
        var section = load.section("stepped")
        let (mean, deviation) = Self.distribution(&section)
        let stepped = SimulationSettings.Load.stepped(
            period: Self.duration(&section, "period", in: Self.intervalRange), meanPercent: mean,
            deviationPercent: deviation, lowPercent: Self.percent(&section, "low", in: Self.percentRange),
            wave: Self.duration(&section, "wave", in: Self.intervalRange),
            shares: SimulationSettings.Shares(
                disk: Self.share(&section, "disk"), network: Self.share(&section, "network"),
                dirty: Self.share(&section, "dirty")))
        section.finish()
        if section.has("low") != section.has("wave") {
            section.report("low and wave go together: down to which mean, and in which time", line: section.line)
        }
        return given ? stepped : nil
    }

    private static func share(_ stepped: inout SettingsSection, _ key: String) -> SimulationSettings.Share? {
        let given = stepped.has(key)
        var section = stepped.section(key)
        let most = Self.rate(&section, "max", in: SimulationSettings.shareRange)
        let (mean, deviation) = Self.distribution(&section)
        let period = Self.duration(&section, "period", in: Self.intervalRange)
        section.finish()
        guard given else { return nil }
        guard let most else {
            if !section.has("max") {
                section.report("missing: what 100% are, such as 50MiB/s", key: "max", line: section.line)
            }
            return nil
        }
        return SimulationSettings.Share(
            mostMiBPerSecond: most, meanPercent: mean, deviationPercent: deviation, period: period)
    }

    private static func redrawn(_ load: inout SettingsSection) -> SimulationSettings.Load? {
        let given = load.has("redrawn")
        var section = load.section("redrawn")
        let (mean, deviation) = Self.distribution(&section)
        let redrawn = SimulationSettings.Load.redrawn(
            interval: Self.duration(&section, "interval", in: Self.intervalRange), meanPercent: mean,
            deviationPercent: deviation)
        section.finish()
        return given ? redrawn : nil
    }

    private static func trace(_ load: inout SettingsSection) -> SimulationSettings.Load? {
        let given = load.has("trace")
        var section = load.section("trace")
        let file = section.optional("file", SettingsSection.word)
        let interval = Self.duration(&section, "interval", in: Self.intervalRange)
        section.finish()
        guard given else { return nil }
        guard let file else {
            if !section.has("file") { section.report("missing: the trace's file", key: "file", line: section.line) }
            return nil
        }
        let folder = URL(fileURLWithPath: load.file).deletingLastPathComponent()
        return .trace(file: URL(fileURLWithPath: file, relativeTo: folder).path, interval: interval)
    }

    private static func churn(_ root: inout SettingsSection) -> SimulationSettings.Churn? {
        var section = root.section("churn")
        let churn = SimulationSettings.Churn(
            uptime: Self.duration(&section, "uptime", in: Self.intervalRange),
            downtime: Self.duration(&section, "downtime", in: Self.intervalRange))
        section.finish()
        return root.has("churn") ? churn : nil
    }

    private static func distribution(_ section: inout SettingsSection) -> (mean: Int?, deviation: Int?) {
        (
            Self.percent(&section, "mean", in: Self.percentRange),
            Self.percent(&section, "deviation", in: Self.percentRange)
        )
    }

    // MARK: - One value

    private static func count(_ section: inout SettingsSection, _ key: String, in range: ClosedRange<Int>) -> Int? {
        section.optional(key, in: range, Quantities.count)
    }

    private static func percent(_ section: inout SettingsSection, _ key: String, in range: ClosedRange<Int>) -> Int? {
        section.optional(key, in: range, shown: { "\($0)%" }, Quantities.percent)
    }

    private static func rate(_ section: inout SettingsSection, _ key: String, in range: ClosedRange<Int>) -> Int? {
        section.optional(key, in: range, shown: { "\($0)MiB/s" }, Quantities.bandwidth)
    }

    private static func duration(
        _ section: inout SettingsSection, _ key: String, in range: ClosedRange<Duration>
    ) -> Duration? {
        section.optional(key, in: range, shown: DurationText.of, Quantities.duration)
    }
}
