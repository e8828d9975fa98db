import Basis

/// Reads the file of a load that is put into VMs.
enum InjectionReader {
    private typealias Limits = InjectionProfile

    static func read(_ root: inout SettingsSection) -> InjectionProfile? {
        let seed = root.value("seed", default: 1, in: 0...Int.max, Quantities.count)
        let duration = root.required("duration", in: Limits.durationRange, shown: DurationText.of, Quantities.duration)
        if !root.has("phases") { root.report("missing", key: "phases", line: root.line) }
        let end = duration ?? Limits.durationRange.upperBound
        let phases = root.sections("phases").map { section in
            var section = section
            return Self.phase(&section, until: end)
        }
        if root.has("phases"), phases.isEmpty {
            root.report("expected at least one phase", key: "phases", line: root.line(of: "phases"))
        }
        guard let duration else { return nil }
        return InjectionProfile(file: root.file, seed: UInt64(seed), duration: duration, phases: phases)
    }

    private static func phase(_ section: inout SettingsSection, until end: Duration) -> InjectionProfile.Phase {
        let phase = InjectionProfile.Phase(
            line: section.line, vms: section.words("vms", SettingsSection.word).map(\.value),
            templates: section.words("templates", SettingsSection.word).map(\.value),
            from: section.duration("from", default: .zero, in: .zero...end),
            until: section.duration("until", default: end, in: .zero...end), cpu: Self.cpu(&section),
            memory: Self.memory(&section), diskMiBPerSecond: Self.rate(&section, "disk", in: Limits.diskRateRange),
            network: Self.network(&section))
        section.finish()
        if phase.from >= phase.until {
            section.report(
                "expected until after from, got \(DurationText.of(phase.from)) to \(DurationText.of(phase.until))",
                line: section.line)
        }
        let kinds = ["cpu", "random", "trace", "memory", "disk", "network"]
        if !kinds.contains(where: section.has) {
            section.report("expected some of \(kinds.joined(separator: ", ")), got none", line: section.line)
        }
        return phase
    }

    // MARK: - CPU

    private static func cpu(_ section: inout SettingsSection) -> InjectionProfile.CPU? {
        let percent = Self.percent(&section, "cpu", in: Limits.percentRange)
        let random = Self.random(&section)
        let trace = Self.trace(&section)
        let keys = ["cpu", "random", "trace"]
        guard keys.contains(where: section.has), section.hasOne(of: keys) else { return nil }
        return percent.map { .steady(percent: $0) } ?? random ?? trace
    }

    private static func random(_ phase: inout SettingsSection) -> InjectionProfile.CPU? {
        let given = phase.has("random")
        var section = phase.section("random")
        var random = InjectionProfile.Random()
        random.meanPercent = Self.percent(&section, "mean", in: Limits.percentRange) ?? random.meanPercent
        random.deviationPercent =
            Self.percent(&section, "deviation", in: Limits.percentRange) ?? random.deviationPercent
        random.stepPercent = section.optional("step", Self.step) ?? random.stepPercent
        random.period = section.duration("period", default: random.period, in: Limits.durationRange)
        section.finish()
        return given ? .random(random) : nil
    }

    /// Whole steps must end at 100 %, or the highest load would be another than all of the CPU.
    private static func step(_ text: String) throws(Quantities.Unexpected) -> Int {
        let percent = try Quantities.percent(text)
        guard (1...100).contains(percent), 100 % percent == 0 else {
            throw Quantities.Unexpected(expected: "a percentage that divides 100, such as 5% or 10%")
        }
        return percent
    }

    private static func trace(_ phase: inout SettingsSection) -> InjectionProfile.CPU? {
        let given = phase.has("trace")
        var section = phase.section("trace")
        let file =
            given ? section.required("file", SettingsSection.word) : section.optional("file", SettingsSection.word)
        let interval = section.duration("interval", default: .seconds(300), in: Limits.durationRange)
        section.finish()
        guard let file else { return nil }
        return .trace(
            file: file.hasPrefix("/") ? file : PathTemplate.folder(of: phase.file) + file, interval: interval)
    }

    // MARK: - The rest

    private static func memory(_ phase: inout SettingsSection) -> InjectedMemory? {
        let given = phase.has("memory")
        var section = phase.section("memory")
        let range = Limits.memorySizeRange
        let size = section.optional("size", in: range, shown: { "\($0)MiB" }, Quantities.size)
        let rate = Self.rate(&section, "rate", in: Limits.memoryRateRange)
        Self.expect(["size", "rate"], in: &section, given: given)
        guard let size, let rate else { return nil }
        return InjectedMemory(sizeMiB: size, mibPerSecond: rate)
    }

    private static func network(_ phase: inout SettingsSection) -> InjectionProfile.Network? {
        let given = phase.has("network")
        var section = phase.section("network")
        let to = section.optional("to", SettingsSection.word)
        let rate = Self.rate(&section, "rate", in: Limits.networkRateRange)
        Self.expect(["to", "rate"], in: &section, given: given)
        guard let to, let rate else { return nil }
        return InjectionProfile.Network(to: to, mibPerSecond: rate)
    }

    /// Ends a section that has all of `keys` if it is there at all.
    private static func expect(_ keys: [String], in section: inout SettingsSection, given: Bool) {
        section.finish()
        for key in keys where given && !section.has(key) {
            section.report("missing", key: key, line: section.line)
        }
    }

    private static func percent(_ section: inout SettingsSection, _ key: String, in range: ClosedRange<Int>) -> Int? {
        section.optional(key, in: range, shown: { "\($0)%" }, Quantities.percent)
    }

    private static func rate(_ section: inout SettingsSection, _ key: String, in range: ClosedRange<Int>) -> Int? {
        section.optional(key, in: range, shown: { "\($0)MiB/s" }, Quantities.bandwidth)
    }
}
