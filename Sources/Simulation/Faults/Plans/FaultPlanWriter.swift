import Basis
import Settings

extension FaultPlanFile {
    /// As a file, in which each thing that happens is one line. Reading it gives the same again, unless there is more in it
    /// than a file may have.
    package var text: String {
        var lines: [String] = []
        if let seed = self.seed { lines.append("seed: \(seed)") }
        if let nodes = self.nodes { lines.append("nodes: \(nodes)") }
        if let time = self.faultTime { lines.append("duration: \(DurationText.exact(time))") }
        if self.plan.quality != .local { lines.append("network: \(self.plan.quality.fields)") }
        Self.add("load", self.load.map(\.fields), to: &lines)
        Self.add("faults", self.plan.entries.map(\.fields), to: &lines)
        Self.add("ambushes", self.plan.ambushes.map(\.fields), to: &lines)
        // An empty file is one too, and says so.
        return (lines.isEmpty ? ["{}"] : lines).joined(separator: "\n") + "\n"
    }

    private static func add(_ key: String, _ entries: [YAMLFields], to lines: inout [String]) {
        guard !entries.isEmpty else { return }
        lines.append("\(key):")
        lines += entries.map { "  - \($0)" }
    }
}

/// Keys and values on one line; all values are plain words.
private struct YAMLFields: CustomStringConvertible {
    private var fields: [String] = []

    mutating func add(_ key: String, _ value: some CustomStringConvertible) {
        self.fields.append("\(key): \(value)")
    }

    mutating func add(_ key: String, _ duration: Duration) { self.add(key, DurationText.exact(duration)) }

    mutating func add(_ fault: Fault) {
        self.add("fault", fault.kind.rawValue)
        switch fault {
        case .split(let nodes, _): self.add("nodes", nodes)
        case .slowLinks(let delay, let percent):
            self.add("delay", delay)
            self.add("bandwidth", "\(percent)%")
        case .slowHypervisor(let delay): self.add("delay", delay)
        case .failedMigration(let stage): self.add("stage", stage.word)
        case .crash, .crashWithoutDisk, .departure, .pause, .unplug, .silentHypervisor, .stalledCopies, .failingStore,
            .cutHost, .rapidWrites:
            break
        }
    }

    var description: String { "{\(self.fields.joined(separator: ", "))}" }
}

extension LinkQuality {
    fileprivate var fields: YAMLFields {
        var fields = YAMLFields()
        fields.add("latency_min", self.latencyMin)
        fields.add("latency_max", self.latencyMax)
        fields.add("lost", FractionText.of(self.lossPerMillion))
        fields.add("doubled", FractionText.of(self.duplicationPerMillion))
        fields.add("late", FractionText.of(self.delayPerMillion))
        fields.add("late_max", self.delayMax)
        fields.add("ordered", self.keepsOrder)
        return fields
    }
}

extension Workload.Entry {
    fileprivate var fields: YAMLFields {
        var fields = YAMLFields()
        fields.add("at", self.at)
        fields.add("for", self.lasts)
        fields.add("act", self.act.kind.rawValue)
        fields.add("node", RingNodeName.of(self.act.node))
        switch self.act {
        case .overload(_, let cpu):
            fields.add("cpu", "\(cpu)m")
        case .flap(_, let cpu, let period):
            fields.add("cpu", "\(cpu)m")
            fields.add("period", period)
        case .drain, .injectUnderload, .injectOverload:
            break
        }
        return fields
    }
}

extension FaultPlan.Entry {
    fileprivate var fields: YAMLFields {
        var fields = YAMLFields()
        fields.add("at", self.at)
        fields.add("for", self.lasts)
        fields.add(self.fault)
        if self.aim != .anyNode { fields.add("of", self.aim.word) }
        return fields
    }
}

extension FaultPlan.Ambush {
    fileprivate var fields: YAMLFields {
        var fields = YAMLFields()
        fields.add("from", self.from)
        fields.add("moment", self.moment.rawValue)
        if self.delay != .zero { fields.add("after", self.delay) }
        fields.add("for", self.lasts)
        fields.add(self.fault)
        return fields
    }
}

/// Shares as files write them.
enum FractionText {
    /// 30,000 millionths are `0.03`.
    static func of(_ perMillion: Int) -> String { DecimalText.of(Int64(perMillion), decimals: 6) }
}
