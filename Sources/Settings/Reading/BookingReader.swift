import Basis

/// Reads which hosts a fleet is to have, and from whom.
extension FleetReader {
    /// The keys that say something to a batch system only.
    private static let batchKeys = ["begin", "wait_max", "frontend", "ssh", "oar", "slurm"]

    /// - Parameter hosts: how many the inventory lists.
    static func booking(_ root: inout SettingsSection, hosts: Int) -> BookingSettings {
        var section = root.section("booking")
        let name = section.choice("provider", default: BookingProvider.Name.inventory)
        let count = section.value(
            "hosts", default: max(1, name == .inventory ? hosts : 1), in: Self.hostsRange, Quantities.count)
        let spares = section.value("spares", default: 0, in: 0...SettingsLimits.listMax, Quantities.count)
        let walltime = section.duration(
            "walltime", default: .seconds(3_600), in: .seconds(60)...SettingsLimits.durationMax)
        let batch = Self.batch(&section, name)
        let required = Self.required(&section)
        section.finish()
        if name == .inventory {
            Self.checkInventory(hosts, count: count, spares: spares, section)
        }
        return BookingSettings(
            provider: batch.map(BookingProvider.batch) ?? .inventory, hosts: count, spares: spares,
            walltime: walltime, required: required)
    }

    private static func checkInventory(_ hosts: Int, count: Int, spares: Int, _ section: SettingsSection) {
        for key in Self.batchKeys where section.has(key) {
            section.report("goes with provider oar or slurm only", key: key, line: section.line(of: key))
        }
        if hosts > 0, count + spares > hosts {
            let key = section.has("hosts") ? "hosts" : "spares"
            section.report(
                "expected at most the \(hosts) hosts of the inventory, got \(count) and \(spares) spares",
                key: key, line: section.line(of: key))
        }
    }

    private static func required(_ section: inout SettingsSection) -> HostRequirements {
        var require = section.section("require")
        var required = HostRequirements()
        required.kvm = require.flag("kvm", default: required.kvm)
        required.cpuFlags = require.words("cpu_flags", SettingsSection.word).map(\.value)
        required.cpusMin = require.value("cpus", default: required.cpusMin, in: 1...65_536, Quantities.count)
        required.memoryMinMiB = require.value(
            "memory", default: 0, in: 0...Self.memoryRange.upperBound, shown: { "\($0)MiB" }, Quantities.size)
        required.freeDiskMinMiB = require.value(
            "disk", default: 0, in: 0...Int.max, shown: { "\($0)MiB" }, Quantities.size)
        required.clockOffsetMax = require.duration("clock_offset_max", default: required.clockOffsetMax)
        require.finish()
        return required
    }

    // MARK: - Batch systems

    /// All keys are read whoever books, so that what is wrong with any is said at once; nil for the inventory.
    private static func batch(_ section: inout SettingsSection, _ name: BookingProvider.Name) -> BatchSettings? {
        let oar = Self.oar(&section)
        let slurm = Self.slurm(&section)
        var settings = BatchSettings(asks: name == .slurm ? .slurm(slurm) : .oar(oar))
        settings.begin = section.optional("begin", Self.start)
        settings.waitMax = section.duration(
            "wait_max", default: settings.waitMax, in: .seconds(1)...SettingsLimits.durationMax)
        settings.frontend = Self.frontend(&section)
        var ssh = section.section("ssh")
        settings.hostUser = ssh.optional("user", Self.userName) ?? settings.hostUser
        settings.hostPort = ssh.value("port", default: settings.hostPort, in: 1...65_535, Quantities.count)
        ssh.finish()
        switch name {
        case .inventory:
            return nil
        case .oar, .slurm:
            let other = name == .oar ? BookingProvider.Name.slurm : .oar
            if section.has(other.rawValue) {
                section.report(
                    "goes with provider \(other.rawValue), not \(name.rawValue)", key: other.rawValue,
                    line: section.line(of: other.rawValue))
            }
            return settings
        }
    }

    private static func oar(_ section: inout SettingsSection) -> OARSettings {
        var oar = section.section("oar")
        var settings = OARSettings()
        settings.properties = oar.optional("properties", SettingsSection.word)
        settings.queue = oar.optional("queue", Self.batchWord)
        settings.project = oar.optional("project", Self.batchWord)
        settings.unit = oar.optional("unit", Self.resourceUnit) ?? settings.unit
        settings.types = oar.words("types", Self.batchWord).map(\.value)
        oar.finish()
        return settings
    }

    private static func slurm(_ section: inout SettingsSection) -> SlurmSettings {
        var slurm = section.section("slurm")
        var settings = SlurmSettings()
        settings.partition = slurm.optional("partition", Self.batchWord)
        settings.constraint = slurm.optional("constraint", SettingsSection.word)
        settings.account = slurm.optional("account", Self.batchWord)
        settings.isExclusive = slurm.flag("exclusive", default: settings.isExclusive)
        slurm.finish()
        return settings
    }

    static func frontend(_ section: inout SettingsSection) -> FrontendSettings? {
        let isGiven = section.has("frontend")
        var frontend = section.section("frontend")
        let port = frontend.value("port", default: 22, in: 1...65_535, Quantities.count)
        guard isGiven else {
            _ = (frontend.optional("address", Self.hostAddress), frontend.optional("user", Self.userName))
            return nil
        }
        let address = frontend.required("address", Self.hostAddress)
        let user = frontend.required("user", Self.userName)
        frontend.finish()
        guard let address, let user else { return nil }
        return FrontendSettings(address: address, user: user, port: port)
    }

    // MARK: - Words

    private static func start(_ text: String) throws(Quantities.Unexpected) -> BatchStart {
        guard let start = BatchStart(text) else {
            throw Quantities.Unexpected(expected: "a date and a time of the frontend, such as \"2026-12-01 20:00:00\"")
        }
        return start
    }

    /// A name that no client takes for an option.
    static func batchWord(_ text: String) throws(Quantities.Unexpected) -> String {
        let word = try SettingsSection.word(text)
        guard word.first != "-", !word.contains(where: \.isWhitespace) else {
            throw Quantities.Unexpected(expected: "a word that does not begin with -")
        }
        return word
    }

    /// What `=N` can follow: `nodes`, `/switch=1/nodes`.
    private static func resourceUnit(_ text: String) throws(Quantities.Unexpected) -> String {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false).drop { $0.isEmpty }
        let isWord = { (word: Substring) in
            !word.isEmpty && word.utf8.allSatisfy { $0 == UInt8(ascii: "_") || $0.isAlphanumeric }
        }
        let areLevels = levels.dropLast().allSatisfy { level in
            let sides = level.split(separator: "=", omittingEmptySubsequences: false)
            return sides.count == 2 && sides.allSatisfy(isWord)
        }
        guard let last = levels.last, isWord(last), areLevels else {
            throw Quantities.Unexpected(expected: "what the hosts are counted in, such as nodes or /switch=1/nodes")
        }
        return text
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            false
        }
    }
}
