import Basis
import Placement

/// Reads the sections about load, demand, migrations and membership: those that are plain lists of quantities.
enum LoadReader {
    /// The speeds that a link may have, in Mbit/s.
    private static let linkRange = 1...10_000_000

    static func link(_ section: inout SettingsSection) -> Int? {
        guard section.has("link") else {
            _ = section.optional("link", Quantities.linkSpeed)
            return nil
        }
        return section.value("link", default: 1_000, in: self.linkRange, shown: { "\($0)Mbit/s" }, Quantities.linkSpeed)
    }

    /// `cpu` and `memory` of a section, each nil when it is not there.
    static func amounts(_ section: inout SettingsSection) -> (cpuMillicores: Int?, memoryMiB: Int?) {
        let range = 0...Resources.amountMax
        let cpu = section.optional("cpu", in: range, shown: { "\($0)m" }, Quantities.cpu)
        let memory = section.optional("memory", in: range, shown: { "\($0)MiB" }, Quantities.size)
        return (cpu, memory)
    }

    static func thresholds(_ root: inout SettingsSection) -> LoadThresholds {
        var section = root.section("thresholds")
        let defaults = NodeSettings.defaultThresholds
        let percent: (Int) -> String = { "\($0)%" }
        let thresholds = LoadThresholds(
            overloadPercent: section.value(
                "overload", default: defaults.overloadPercent, in: 1...1_000, shown: percent, Quantities.percent),
            underloadPercent: section.value(
                "underload", default: defaults.underloadPercent, in: 0...1_000, shown: percent, Quantities.percent))
        if thresholds.underloadPercent >= thresholds.overloadPercent {
            section.report(
                "expected less than overload, got \(thresholds.underloadPercent)% against "
                    + "\(thresholds.overloadPercent)%: a load could be both", key: "underload",
                line: section.line(of: "underload"))
        }
        section.finish()
        return thresholds
    }

    static func triggers(_ root: inout SettingsSection) -> TriggerSettings {
        var section = root.section("triggers")
        var settings = TriggerSettings()
        var overload = section.section("overload")
        settings.overloadEnabled = overload.flag("enabled", default: settings.overloadEnabled)
        settings.overloadHoldSamples = overload.value(
            "hold", default: settings.overloadHoldSamples, in: 1...1_000, Quantities.count)
        settings.exceededHoldSamples = overload.value(
            "hold_exceeded", default: settings.exceededHoldSamples, in: 1...1_000, Quantities.count)
        overload.finish()
        var underload = section.section("underload")
        settings.underloadEnabled = underload.flag("enabled", default: settings.underloadEnabled)
        settings.underloadDelayMax = underload.duration(
            "delay_max", default: settings.underloadDelayMax, in: .zero...SettingsLimits.durationMax)
        underload.finish()
        settings.retryDelay = section.duration("retry_delay", default: settings.retryDelay)
        settings.retryDelayMax = section.duration("retry_delay_max", default: settings.retryDelayMax)
        self.requireOrder(section, "retry_delay", settings.retryDelay, "retry_delay_max", settings.retryDelayMax)
        section.finish()
        return settings
    }

    static func sampling(_ root: inout SettingsSection) -> SamplingSettings {
        var section = root.section("sampling")
        var settings = SamplingSettings()
        settings.interval = section.duration(
            "interval", default: settings.interval, in: .milliseconds(100)...Duration.seconds(3_600))
        settings.halfLife = section.duration(
            "half_life", default: settings.halfLife, in: .zero...Duration.seconds(24 * 3_600))
        section.finish()
        return settings
    }

    static func migration(_ root: inout SettingsSection) -> MigrationSettings {
        var section = root.section("migration")
        var settings = MigrationSettings()
        settings.bandwidthMiBPerSecond =
            section.optional("bandwidth", Quantities.bandwidth) ?? settings.bandwidthMiBPerSecond
        settings.autoConverge = section.flag("auto_converge", default: settings.autoConverge)
        let flights = 1...64
        settings.perNodeIn = section.value("per_node_in", default: settings.perNodeIn, in: flights, Quantities.count)
        settings.perNodeOut = section.value("per_node_out", default: settings.perNodeOut, in: flights, Quantities.count)
        let limits = Duration.seconds(1)...Duration.seconds(30 * 60)
        settings.timeLimitFloor = section.duration("time_limit_floor", default: settings.timeLimitFloor, in: limits)
        settings.timeLimitCeiling = section.duration(
            "time_limit_ceiling", default: settings.timeLimitCeiling, in: limits)
        self.requireOrder(
            section, "time_limit_floor", settings.timeLimitFloor, "time_limit_ceiling", settings.timeLimitCeiling)
        settings.costWeights = self.costWeights(&section)
        settings.demandPersistencePercent = section.value(
            "demand_persistence", default: settings.demandPersistencePercent,
            in: PlacementProblem.demandPersistenceRange, Quantities.percent)
        section.finish()
        return settings
    }

    private static func costWeights(_ migration: inout SettingsSection) -> CostWeights {
        var section = migration.section("cost")
        var weights = CostWeights.transferTime
        let percents = CostWeights.percentRange
        weights.memoryPercent = section.value(
            "memory", default: weights.memoryPercent, in: percents, Quantities.percent)
        weights.dirtyPercent = section.value("dirty", default: weights.dirtyPercent, in: percents, Quantities.percent)
        weights.linkPercent = section.value("link", default: weights.linkPercent, in: percents, Quantities.percent)
        weights.eachMiB = section.value(
            "each", default: weights.eachMiB, in: CostWeights.eachMiBRange, Quantities.size)
        section.finish()
        return weights
    }

    static func cooldown(_ root: inout SettingsSection) -> CooldownSettings {
        var section = root.section("cooldown")
        var settings = CooldownSettings()
        let range = Duration.zero...SettingsLimits.durationMax
        settings.base = section.duration("base", default: settings.base, in: range)
        settings.ceiling = section.duration("max", default: settings.ceiling, in: range)
        settings.pingPongWindow = section.duration("ping_pong_window", default: settings.pingPongWindow, in: range)
        self.requireOrder(section, "base", settings.base, "max", settings.ceiling)
        section.finish()
        return settings
    }

    static func membership(_ root: inout SettingsSection) -> FailureDetectionSettings {
        var section = root.section("membership")
        var settings = FailureDetectionSettings()
        settings.probeInterval = section.duration("probe_interval", default: settings.probeInterval)
        settings.probeTimeout = section.duration("probe_timeout", default: settings.probeTimeout)
        let counts: [(key: String, field: WritableKeyPath<FailureDetectionSettings, Int>, range: ClosedRange<Int>)] = [
            ("indirect_probes", \.indirectProbes, 0...64), ("gossip_multiplier", \.gossipMultiplier, 1...1_000),
            ("suspicion_base_periods", \.suspicionBasePeriods, 1...1_000),
            ("suspicion_periods_per_doubling", \.suspicionPeriodsPerDoubling, 0...1_000),
            ("suspicion_max_factor", \.suspicionMaxFactor, 1...100),
            ("suspicion_confirmations", \.suspicionConfirmations, 0...64), ("health_max", \.healthMax, 0...100),
        ]
        for (key, field, range) in counts {
            settings[keyPath: field] = section.value(
                key, default: settings[keyPath: field], in: range, Quantities.count)
        }
        let intervals = Duration.milliseconds(1)...Duration.seconds(1_000_000)
        settings.exchangeInterval = section.duration(
            "exchange_interval", default: settings.exchangeInterval, in: intervals)
        settings.healInterval = section.duration("heal_interval", default: settings.healInterval, in: intervals)
        if settings.probeTimeout * 3 > settings.probeInterval {
            section.report(
                "expected at most a third of probe_interval (a probe and its relays take three), got "
                    + "\(DurationText.of(settings.probeTimeout)) against \(DurationText.of(settings.probeInterval))",
                key: "probe_timeout", line: section.line(of: "probe_timeout"))
        }
        section.finish()
        return settings
    }

    private static func requireOrder(
        _ section: SettingsSection, _ low: String, _ lower: Duration, _ high: String, _ upper: Duration
    ) {
        guard lower > upper else { return }
        section.report(
            "expected at most \(high), got \(DurationText.of(lower)) against \(DurationText.of(upper))", key: low,
            line: section.line(of: low))
    }
}
