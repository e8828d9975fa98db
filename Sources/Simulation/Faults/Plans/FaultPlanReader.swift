import Basis
import Hypervisor
import Settings

/// Reads a fault plan's file.
struct FaultPlanReader {
    private typealias Limits = FaultPlanFile

    /// How many nodes may be named.
    private let nodes: Int

    static func read(_ root: inout SettingsSection) -> FaultPlanFile {
        let seed = root.optional("seed", Self.seed)
        let nodes = root.optional("nodes", in: Limits.nodesRange, Quantities.count)
        let faultTime = root.optional(
            "duration", in: Limits.faultTimeRange, shown: DurationText.exact, Quantities.duration)
        let reader = FaultPlanReader(nodes: nodes ?? Limits.nodesRange.upperBound)
        // Those of which something cannot be read are among the findings.
        let load = root.sections("load").compactMap(reader.entry).sorted { $0.at < $1.at }
        let plan = FaultPlan(
            quality: Self.quality(&root),
            entries: root.sections("faults").compactMap(reader.fault).sorted { $0.at < $1.at },
            ambushes: root.sections("ambushes").compactMap(reader.ambush))
        return FaultPlanFile(seed: seed, nodes: nodes, faultTime: faultTime, load: load, plan: plan)
    }

    // MARK: - The network

    private static func quality(_ root: inout SettingsSection) -> LinkQuality {
        var section = root.section("network")
        let usual = LinkQuality.local
        let latencyMin = section.duration("latency_min", default: usual.latencyMin, in: Limits.latencyRange)
        let latencyMax = section.duration(
            "latency_max", default: max(usual.latencyMax, latencyMin), in: Limits.latencyRange)
        if latencyMax < latencyMin {
            section.report(
                "expected latency_min up to latency_max, got \(DurationText.exact(latencyMin)) and"
                    + " \(DurationText.exact(latencyMax))", line: section.line)
        }
        let quality = LinkQuality(
            latencyMin: min(latencyMin, latencyMax), latencyMax: latencyMax,
            lossPerMillion: Self.share(&section, "lost"),
            duplicationPerMillion: Self.share(&section, "doubled"), delayPerMillion: Self.share(&section, "late"),
            delayMax: section.duration("late_max", default: usual.delayMax, in: Limits.lateRange),
            keepsOrder: section.flag("ordered", default: usual.keepsOrder))
        section.finish()
        return quality
    }

    /// In millionths.
    private static func share(_ section: inout SettingsSection, _ key: String) -> Int {
        section.value(key, default: 0, in: Limits.shareRange, shown: FractionText.of, Quantities.fraction)
    }

    // MARK: - The workload

    private func entry(_ section: SettingsSection) -> Workload.Entry? {
        var section = section
        let at = Self.time(&section, "at")
        let kind = Self.choice(&section, "act", Workload.Act.Kind.self)
        let act = self.act(kind, &section)
        // An injection is over at once.
        let isInjection = kind == .injectOverload || kind == .injectUnderload
        let lasts = isInjection ? Self.time(&section, "for", default: .zero) : Self.time(&section, "for")
        section.finish()
        guard let at, let act, let lasts else { return nil }
        return Workload.Entry(at: at, lasts: lasts, act: act)
    }

    private func act(_ kind: Workload.Act.Kind?, _ section: inout SettingsSection) -> Workload.Act? {
        let node = section.required("node", self.node)
        switch kind {
        case .overload:
            let cpu = Self.cpu(&section)
            guard let node, let cpu else { return nil }
            return .overload(node: node, cpuMillicores: cpu)
        case .flap:
            let cpu = Self.cpu(&section)
            let period = section.required(
                "period", in: Limits.periodRange, shown: DurationText.exact, Quantities.duration)
            guard let node, let cpu, let period else { return nil }
            return .flap(node: node, cpuMillicores: cpu, period: period)
        case .drain: return node.map { .drain(node: $0) }
        case .injectUnderload: return node.map { .injectUnderload(node: $0) }
        case .injectOverload: return node.map { .injectOverload(node: $0) }
        case nil:
            Self.pass(over: ["cpu", "period"], in: &section)
            return nil
        }
    }

    private static func cpu(_ section: inout SettingsSection) -> Int? {
        section.required("cpu", in: Limits.cpuRange, shown: { "\($0)m" }, Quantities.cpu)
    }

    // MARK: - Faults

    private func fault(_ section: SettingsSection) -> FaultPlan.Entry? {
        var section = section
        let at = Self.time(&section, "at")
        let lasts = Self.time(&section, "for")
        let aim = section.has("of") ? section.optional("of", self.aim) : .anyNode
        let fault = Self.fault(in: &section)
        section.finish()
        guard let at, let lasts, let aim, let fault else { return nil }
        return FaultPlan.Entry(at: at, lasts: lasts, fault: fault, aim: aim)
    }

    private func ambush(_ section: SettingsSection) -> FaultPlan.Ambush? {
        var section = section
        let from = Self.time(&section, "from")
        let moment = Self.choice(&section, "moment", Moment.self)
        let delay = Self.time(&section, "after", default: .zero)
        let lasts = Self.time(&section, "for")
        let fault = Self.fault(in: &section)
        section.finish()
        guard let from, let moment, let lasts, let fault else { return nil }
        return FaultPlan.Ambush(from: from, moment: moment, delay: delay, fault: fault, lasts: lasts)
    }

    private static func fault(in section: inout SettingsSection) -> Fault? {
        switch Self.choice(&section, "fault", Fault.Kind.self) {
        case .crash: return .crash
        case .crashWithoutDisk: return .crashWithoutDisk
        case .departure: return .departure
        case .pause: return .pause
        case .split: return Self.splitNodes(&section).map { .split(nodes: $0, .bothWays) }
        case .oneWaySplit: return Self.splitNodes(&section).map { .split(nodes: $0, .oneWay) }
        case .unplug: return .unplug
        case .slowLinks: return Self.slowLinks(&section)
        case .silentHypervisor: return .silentHypervisor
        case .slowHypervisor:
            return section.required(
                "delay", in: Limits.answerDelayRange, shown: DurationText.exact, Quantities.duration
            ).map { .slowHypervisor(answerDelay: $0) }
        case .stalledCopies: return .stalledCopies
        case .failedMigration: return section.required("stage", Self.stage).map { .failedMigration($0) }
        case .failingStore: return .failingStore
        case .cutHost: return .cutHost
        case .rapidWrites: return .rapidWrites
        case nil:
            Self.pass(over: ["nodes", "delay", "bandwidth", "stage"], in: &section)
            return nil
        }
    }

    private static func splitNodes(_ section: inout SettingsSection) -> Int? {
        section.required("nodes", in: 1...Limits.nodesRange.upperBound, Quantities.count)
    }

    private static func slowLinks(_ section: inout SettingsSection) -> Fault? {
        let delay = section.required(
            "delay", in: Limits.linkDelayRange, shown: DurationText.exact, Quantities.duration)
        let bandwidth = section.value(
            "bandwidth", default: 100, in: Limits.bandwidthRange, shown: { "\($0)%" }, Quantities.percent)
        return delay.map { .slowLinks(delay: $0, bandwidthPercent: bandwidth) }
    }

    // MARK: - One value

    private static func time(_ section: inout SettingsSection, _ key: String) -> Duration? {
        section.required(key, in: Limits.timeRange, shown: DurationText.exact, Quantities.duration)
    }

    private static func time(_ section: inout SettingsSection, _ key: String, default fallback: Duration) -> Duration {
        section.value(key, default: fallback, in: Limits.timeRange, shown: DurationText.exact, Quantities.duration)
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(
        _ section: inout SettingsSection, _ key: String, _: Value.Type
    ) -> Value? where Value.RawValue == String {
        if !section.has(key) { section.report("missing", key: key, line: section.line) }
        return section.word(key, among: Value.allCases.map(\.rawValue)).flatMap(Value.init)
    }

    /// Makes keys known that may belong to what could not be read.
    private static func pass(over keys: [String], in section: inout SettingsSection) {
        for key in keys { _ = section.optional(key, SettingsSection.word) }
    }

    private static func seed(_ text: String) throws(Quantities.Unexpected) -> UInt64 {
        guard let seed = UInt64(text) else { throw Quantities.Unexpected(expected: "a whole number of 64 bits") }
        return seed
    }

    private func node(_ text: String) throws(Quantities.Unexpected) -> Int {
        guard let index = RingNodeName.index(of: text, nodes: self.nodes) else {
            throw Quantities.Unexpected(expected: "a node, n1 to n\(self.nodes)")
        }
        return index
    }

    private func aim(_ text: String) throws(Quantities.Unexpected) -> Fault.Aim {
        if let aim = Fault.Aim.drawn.first(where: { $0.word == text }) { return aim }
        guard let index = RingNodeName.index(of: text, nodes: self.nodes) else {
            let words = Fault.Aim.drawn.map(\.word).joined(separator: ", ")
            throw Quantities.Unexpected(expected: "one of \(words), or a node, n1 to n\(self.nodes)")
        }
        return .node(index)
    }

    private static func stage(_ text: String) throws(Quantities.Unexpected) -> ModelledFaults.Stage {
        guard let stage = ModelledFaults.Stage(word: text) else {
            let words = ModelledFaults.Stage.allCases.map(\.word).joined(separator: ", ")
            throw Quantities.Unexpected(expected: "one of \(words)")
        }
        return stage
    }
}
