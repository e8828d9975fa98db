import Basis

/// Reads the file of a fleet.
enum FleetReader {
    private static let countRange = 1...FleetSettings.guestsMax
    static let hostsRange = 1...SettingsLimits.listMax
    static let memoryRange = 1...(64 << 20)

    /// - Returns: nil when something without a default is missing; what, is among the findings.
    static func read(_ root: inout SettingsSection) -> FleetSettings? {
        let name = root.required("fleet", Self.fleetName)
        let seed = root.optional("seed", in: 0...Int.max, Quantities.count) ?? 1
        var inventory = root.section("inventory")
        let entries = inventory.sections("hosts")
        inventory.finish()
        let hosts = Self.hosts(entries)
        let booking = Self.booking(&root, hosts: hosts.count)
        if entries.isEmpty, booking.provider == .inventory {
            inventory.report("expected at least 1 host, got none", key: "hosts", line: inventory.line(of: "hosts"))
        }
        let kadeploy = Self.kadeploy(&root, booking)
        let network = Self.network(&root)
        let image = Self.image(&root)
        let agents = Self.agents(&root)
        let (templates, names) = Self.templates(&root)
        let groups = Self.groups(&root, templates, names)
        let distribution = root.choice("distribution", default: DistributionStrategy.roundRobin)
        let limits = Self.limits(&root)
        let retries = Self.retries(&root)
        let timeouts = Self.timeouts(&root)
        let overcommit = root.value(
            "cpu_overcommit", default: 100, in: 100...10_000, shown: { "\($0)%" }, Quantities.percent)
        let reserved = root.value(
            "reserved_memory", default: 512, in: 0...(1 << 20), shown: { "\($0)MiB" }, Quantities.size)
        guard let name, let network, let image else { return nil }
        return FleetSettings(
            name: name, seed: UInt64(seed), inventory: hosts, booking: booking, kadeploy: kadeploy, network: network,
            image: image, agents: agents, templates: templates, groups: groups, distribution: distribution,
            limits: limits, retries: retries, timeouts: timeouts, cpuOvercommitPercent: overcommit,
            reservedMemoryMiB: reserved)
    }

    // MARK: - Hosts

    private static func hosts(_ entries: [SettingsSection]) -> [FleetHost] {
        var hosts: [FleetHost] = []
        var ids: [String: Int] = [:]
        var addresses: [String: Int] = [:]
        for entry in entries {
            guard let host = Self.host(entry) else { continue }
            Self.reportTwice(&ids, host.id.name, "host", "id", entry)
            Self.reportTwice(&addresses, "\(host.address):\(host.sshPort)", "address", "address", entry)
            hosts.append(host)
        }
        return hosts
    }

    private static func host(_ entry: SettingsSection) -> FleetHost? {
        var entry = entry
        let id = entry.required("id", SettingsSection.nodeID)
        let address = entry.required("address", Self.hostAddress)
        var ssh = entry.section("ssh")
        let user = ssh.optional("user", Self.userName) ?? "root"
        let port = ssh.value("port", default: 22, in: 1...65_535, Quantities.count)
        ssh.finish()
        let site = entry.text("site", default: "")
        let cluster = entry.text("cluster", default: "")
        let memory = entry.optional("memory", in: Self.memoryRange, shown: { "\($0)MiB" }, Quantities.size)
        let cpus = entry.optional("cpus", in: 1...65_536, Quantities.count)
        entry.finish()
        guard let id, let address else { return nil }
        return FleetHost(
            id: id, address: address, sshUser: user, sshPort: port, site: site, cluster: cluster, memoryMiB: memory,
            cpus: cpus)
    }

    // MARK: - What hosts get

    private static func network(_ root: inout SettingsSection) -> FleetNetwork? {
        let given = root.has("network")
        var section = root.section("network")
        let subnet = section.required("subnet", Self.subnet)
        let isolation = section.choice("isolation", default: FleetNetwork.Isolation.none)
        let domain = section.optional("domain", Self.domain) ?? "dvms.internal"
        section.finish()
        guard given, let subnet else { return nil }
        return FleetNetwork(subnet: subnet, isolation: isolation, domain: domain)
    }

    private static func image(_ root: inout SettingsSection) -> FleetImage? {
        var section = root.section("image")
        let file = section.required("file", SettingsSection.word)
        let sha256 = section.optional("sha256", Self.sha256)
        let spread = section.choice("spread", default: FleetImage.Spread.chain)
        let arity = section.value(
            "arity", default: FleetImage.treeArityByDefault, in: 1...FleetImage.treeArityMax, Quantities.count)
        if section.has("arity"), spread != .tree {
            section.report("expected only with spread: tree", key: "arity", line: section.line(of: "arity"))
        }
        section.finish()
        guard let file else { return nil }
        return FleetImage(file: Self.path(file, root), sha256: sha256, spread: spread, treeArity: arity)
    }

    private static func agents(_ root: inout SettingsSection) -> FleetAgents? {
        let given = root.has("agents")
        var section = root.section("agents")
        let program = section.optional("program", SettingsSection.word)
        if given, program == nil, !section.has("program") {
            section.report("missing: the file of dvmsd for hosts", key: "program", line: section.line)
        }
        let port = section.value("port", default: 7_400, in: 1...65_535, Quantities.count)
        let mode = section.choice("mode", default: OperatingMode.auto)
        let uri = section.optional("migration_uri", SettingsSection.word)
        let settings = section.optional("settings", SettingsSection.word)
        section.finish()
        return program.map {
            FleetAgents(
                program: Self.path($0, root), port: port, mode: mode, migrationURI: uri,
                settings: settings.map { Self.path($0, root) })
        }
    }

    /// `file` from the folder of the fleet's file.
    private static func path(_ file: String, _ root: SettingsSection) -> String {
        file.hasPrefix("/") ? file : PathTemplate.folder(of: root.file) + file
    }

    private static func limits(_ root: inout SettingsSection) -> DeploymentLimits {
        var section = root.section("limits")
        var limits = DeploymentLimits()
        limits.hostsAtOnce = section.value(
            "hosts_at_once", default: limits.hostsAtOnce, in: Self.hostsRange, Quantities.count)
        limits.bootsAtOnce = section.value(
            "boots_at_once", default: limits.bootsAtOnce, in: Self.countRange, Quantities.count)
        limits.bootsPerHost = section.value(
            "boots_per_host", default: limits.bootsPerHost, in: 1...1_024, Quantities.count)
        section.finish()
        return limits
    }

    private static func retries(_ root: inout SettingsSection) -> RetrySettings {
        var section = root.section("retries")
        var retries = RetrySettings()
        retries.attempts = section.value("attempts", default: retries.attempts, in: 1...100, Quantities.count)
        retries.delay = section.duration("delay", default: retries.delay)
        retries.delayMax = section.duration("delay_max", default: max(retries.delayMax, retries.delay))
        section.finish()
        if retries.delayMax < retries.delay {
            section.report(
                "expected at least delay, \(DurationText.of(retries.delay)), got \(DurationText.of(retries.delayMax))",
                key: "delay_max", line: section.line(of: "delay_max"))
        }
        return retries
    }

    private static func timeouts(_ root: inout SettingsSection) -> StageTimeouts {
        var section = root.section("timeouts")
        var timeouts = StageTimeouts()
        timeouts.probe = section.duration("probe", default: timeouts.probe)
        timeouts.prepare = section.duration("prepare", default: timeouts.prepare)
        timeouts.network = section.duration("network", default: timeouts.network)
        timeouts.image = section.duration("image", default: timeouts.image)
        timeouts.agent = section.duration("agent", default: timeouts.agent)
        timeouts.boot = section.duration("boot", default: timeouts.boot)
        timeouts.check = section.duration("check", default: timeouts.check)
        timeouts.removal = section.duration("removal", default: timeouts.removal)
        section.finish()
        return timeouts
    }

    // MARK: - Guests

    /// Templates that are right, and the names of all.
    private static func templates(
        _ root: inout SettingsSection
    ) -> (templates: [GuestTemplate], names: Set<String>) {
        let entries = root.sections("templates")
        var names: [String: Int] = [:]
        var templates: [GuestTemplate] = []
        for var entry in entries {
            let name = entry.required("name", SettingsSection.word)
            let vcpus = entry.value("vcpus", default: 1, in: 1...1_024, Quantities.count)
            let memory = entry.required(
                "memory", in: Self.memoryRange, shown: { "\($0)MiB" }, Quantities.size)
            let disk = entry.value(
                "disk", default: 4 << 10, in: (1 << 10)...(64 << 20), shown: { "\($0)MiB" }, Quantities.size)
            entry.finish()
            if disk % 1_024 != 0 {
                entry.report("expected whole GiB, got \(disk)MiB", key: "disk", line: entry.line(of: "disk"))
            }
            guard let name else { continue }
            Self.reportTwice(&names, name, "template", "name", entry)
            guard let memory else { continue }
            templates.append(GuestTemplate(name: name, vcpus: vcpus, memoryMiB: memory, diskGiB: disk / 1_024))
        }
        if entries.isEmpty {
            root.report("expected at least 1 template, got none", key: "templates", line: root.line(of: "templates"))
        }
        return (templates, Set(names.keys))
    }

    private static func groups(
        _ root: inout SettingsSection, _ templates: [GuestTemplate], _ templateNames: Set<String>
    ) -> [GuestGroup] {
        let entries = root.sections("vms")
        var names: Set<String> = []
        var total = 0
        var groups: [GuestGroup] = []
        for var entry in entries {
            let template = entry.required("template", SettingsSection.word)
            let count = entry.required("count", in: Self.countRange, Quantities.count)
            let pattern = entry.required("name", Self.pattern)
            entry.finish()
            let known = templates.first { $0.name == template }
            if let template, !templateNames.contains(template) {
                let nearest = NearestName.question(template, among: Array(templateNames))
                entry.report(
                    "there is no template \(template)\(nearest)", key: "template", line: entry.line(of: "template"))
            }
            guard let known, let count, let pattern else { continue }
            let group = GuestGroup(template: known, count: count, pattern: pattern)
            Self.check(group, &names, entry)
            groups.append(group)
            total += count
        }
        if entries.isEmpty {
            root.report("expected at least 1 group of VMs, got none", key: "vms", line: root.line(of: "vms"))
        }
        if total > FleetSettings.guestsMax {
            root.report(
                "expected at most \(FleetSettings.guestsMax) VMs in all, got \(total)", key: "vms",
                line: root.line(of: "vms"))
        }
        return groups
    }

    private static func check(_ group: GuestGroup, _ names: inout Set<String>, _ entry: SettingsSection) {
        if let doubled = (1...group.count).lazy.map(group.name).first(where: { !names.insert($0).inserted }) {
            entry.report("the name \(doubled) is given twice", key: "name", line: entry.line(of: "name"))
        }
        let longest = group.name(group.count)
        if longest.utf8.count > GuestGroup.nameBytesMax {
            entry.report(
                "expected names of at most \(GuestGroup.nameBytesMax) bytes, got \(longest)", key: "name",
                line: entry.line(of: "name"))
        }
    }

    private static func reportTwice(
        _ lines: inout [String: Int], _ value: String, _ noun: String, _ key: String, _ entry: SettingsSection
    ) {
        let line = entry.line(of: key)
        if let first = lines[value] {
            entry.report("\(noun) \(value) stands twice, first on line \(first)", key: key, line: line)
        } else {
            lines[value] = line
        }
    }
}
