package import Basis
package import Placement

extension NodeSettings {
    /// A node is overloaded above 80 % and underloaded below 20 % of what it can give, unless the file says otherwise.
    package static let defaultThresholds = LoadThresholds(overloadPercent: 80, underloadPercent: 20)

    /// Reads the config file of one node.
    ///
    /// - Parameters:
    ///   - file: Its path; relative paths in it begin at its folder.
    ///   - node: The node whose settings these are, when the file does not say so itself (`--node`).
    ///   - readFile: Gives the text of a file; what it throws is shown to the operator.
    /// - Throws: ``InvalidSettings`` with every problem of the file and of the `ring_file` that it names.
    package static func read(
        file: String, node: NodeID?, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> NodeSettings {
        let reading = try SettingsReading(file: file, node: node, contentsOf: readFile)
        guard reading.problems.isEmpty, let settings = reading.settings else {
            throw InvalidSettings(reading.problems)
        }
        return settings
    }

    /// The ids of the nodes that a config file lists, for a check of it on behalf of each of them.
    ///
    /// - Throws: ``InvalidSettings`` when the ring cannot be read.
    package static func nodes(
        inFile file: String, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> [NodeID] {
        let findings = SettingsFindings()
        var root = SettingsSection(root: try SettingsReading.document(file, readFile), findings: findings)
        guard let ring = try RingReader.read(&root, contentsOf: readFile) else {
            throw InvalidSettings(findings.problems)
        }
        return ring.nodes.map(\.id)
    }
}

/// One walk over a config file, with what it found besides the settings.
package struct SettingsReading {
    /// Nil when there is no node to speak of. Not to be used unless ``problems`` is empty.
    package let settings: NodeSettings?
    package let problems: [SettingsProblem]
    /// Every key that a config file may have, as a path with `[]` in place of a list's indexes.
    package let knownKeys: Set<String>
    /// Those that this one has.
    package let presentKeys: Set<String>

    /// - Throws: ``InvalidSettings`` only for what stops the walk: a file that cannot be read, or is not YAML.
    package init(file: String, node: NodeID?, contentsOf readFile: (String) throws -> String) throws(InvalidSettings) {
        let findings = SettingsFindings()
        var root = SettingsSection(root: try Self.document(file, readFile), findings: findings)
        let ring = try RingReader.read(&root, contentsOf: readFile)
        let own = Self.ownNode(&root, given: node, ring: ring)
        // The walk goes on under a stand-in, so that the problems of all other keys are found as well.
        self.settings = Self.settings(&root, own: own ?? Self.standIn, ring: ring)
        root.finish()
        self.problems = findings.problems
        self.knownKeys = findings.knownKeys
        self.presentKeys = findings.presentKeys
    }

    static func document(
        _ file: String, _ readFile: (String) throws -> String
    ) throws(InvalidSettings) -> SettingsDocument {
        let text: String
        do {
            text = try readFile(file)
        } catch {
            throw InvalidSettings([SettingsProblem(file: file, line: 1, key: "", text: "cannot be read: \(error)")])
        }
        return try SettingsDocument(file: file, text: text)
    }

    /// Reads a file that stands for itself: all of its keys by `body`, and with that all that is wrong with it.
    ///
    /// - Parameter body: gives nil when something without a default is missing; what, is among the findings.
    package static func whole<Value>(
        _ file: String, _ readFile: (String) throws -> String, _ body: (inout SettingsSection) -> Value?
    ) throws(InvalidSettings) -> Value {
        let findings = SettingsFindings()
        var root = SettingsSection(root: try Self.document(file, readFile), findings: findings)
        let value = body(&root)
        root.finish()
        guard findings.problems.isEmpty, let value else { throw InvalidSettings(findings.problems) }
        return value
    }

    private static let standIn = RingNodeSettings(
        id: "node", address: NodeAddress(host: "localhost", port: 1), site: "", rack: "", overrides: NodeOverrides())

    private static func ownNode(
        _ root: inout SettingsSection, given: NodeID?, ring: RingSettings?
    ) -> RingNodeSettings? {
        let written = root.optional("node", SettingsSection.nodeID)
        let line = root.line(of: "node")
        if let given, let written, given != written {
            root.report("says \(written), but --node says \(given)", key: "node", line: line)
            return nil
        }
        guard let id = given ?? written else {
            if !root.has("node") {
                root.report("missing: say here or with --node which node of the ring this is", key: "node", line: line)
            }
            return nil
        }
        guard let ring else { return nil }
        guard let own = ring.nodes.first(where: { $0.id == id }) else {
            let names = ring.nodes.map(\.id.name)
            let nearest = NearestName.question(id.name, among: names)
            root.report("\(id) is not in the ring\(nearest)", key: "node", line: line)
            return nil
        }
        return own
    }

    private static func settings(
        _ root: inout SettingsSection, own: RingNodeSettings, ring: RingSettings?
    ) -> NodeSettings? {
        let template = PathTemplate(node: own.id, host: own.address.host, file: root.file)
        let cluster = root.optional("cluster", SettingsSection.nodeID)?.name
        if cluster == nil, !root.has("cluster") {
            root.report("missing: name the cluster, alike on all its nodes", key: "cluster", line: root.line)
        }
        let listen = root.optional("listen", RingReader.address)
        let tls = SecurityReader.tls(&root, template)
        let insecure = root.flag("insecure", default: false)
        let reserve = self.reserve(&root)
        let link = LoadReader.link(&root)
        let settings = NodeSettings(
            node: own.id, cluster: cluster ?? "", ring: ring ?? RingSettings(order: .sorted, nodes: []),
            listen: own.overrides.listen ?? listen ?? own.address, insecure: insecure, tls: tls,
            controlSocket: root.optional("control_socket", template.socketPath) ?? "/run/dvms/\(own.id).sock",
            stateDirectory: root.optional("state_dir", template.path) ?? "/var/lib/dvms/\(own.id)",
            logLevel: self.logLevel(&root), mode: root.choice("mode", default: .recommend),
            hypervisor: HypervisorReader.read(&root, own, template),
            reserve: Resources(
                cpuMillicores: own.overrides.cpuReserveMillicores ?? reserve.cpuMillicores,
                memoryMiB: own.overrides.memoryReserveMiB ?? reserve.memoryMiB),
            linkMbps: own.overrides.linkMbps ?? link ?? 1_000,
            thresholds: LoadReader.thresholds(&root), triggers: LoadReader.triggers(&root),
            sampling: LoadReader.sampling(&root), migration: LoadReader.migration(&root),
            cooldown: LoadReader.cooldown(&root), reservation: ReservationReader.read(&root),
            membership: LoadReader.membership(&root), solver: self.solver(&root), journal: self.journal(&root),
            constraints: ConstraintReader.read(&root, nodes: ring?.nodes.map(\.id)))
        SecurityReader.check(settings, root)
        if settings.triggers.underloadEnabled, settings.thresholds.underloadPercent == 0 {
            root.report(
                "triggers.underload is enabled, but below 0% no load can fall", key: "thresholds.underload",
                line: root.line(of: "thresholds"))
        }
        return settings
    }

    private static func reserve(_ root: inout SettingsSection) -> Resources {
        var section = root.section("reserve")
        let (cpu, memory) = LoadReader.amounts(&section)
        section.finish()
        return Resources(cpuMillicores: cpu ?? 0, memoryMiB: memory ?? 512)
    }

    private static func logLevel(_ root: inout SettingsSection) -> LogLevel {
        var section = root.section("log")
        let level = section.choice("level", default: LogLevel.info)
        section.finish()
        return level
    }

    private static func solver(_ root: inout SettingsSection) -> SolverSettings {
        var section = root.section("solver")
        var settings = SolverSettings()
        settings.stepsMax = section.value("steps", default: settings.stepsMax, in: 1...1_000_000_000, Quantities.count)
        section.finish()
        return settings
    }

    private static func journal(_ root: inout SettingsSection) -> JournalSettings {
        var section = root.section("journal")
        var settings = JournalSettings()
        settings.eventsMax = section.value(
            "events", default: settings.eventsMax, in: 100...10_000_000, Quantities.count)
        settings.ageMax = section.duration(
            "age", default: settings.ageMax, in: .seconds(60)...Duration.seconds(10 * 365 * 24 * 3_600))
        section.finish()
        return settings
    }
}
