import Basis
import Placement

/// Reads what Ganeti's tools exchange: the text backend of `hbal -t` (groups, nodes, instances) and the dynamic
/// utilisation of `hbal -U`. Source: hbal(1), section "File formats", Ganeti 3.0.
///
/// Nodes keep total and host memory and physical CPUs; the node group becomes the site, and with several groups a
/// `fence` keeps instances in theirs. A running instance becomes a VM: what disk template it has says whether it can
/// migrate anywhere (shared storage), to its secondary only (`drbd`, a `fence`), or not at all. Utilisation of CPU is a
/// share of its node's CPUs; without a utilisation file each virtual CPU counts as one. Disks, tags, instance policies
/// and the other utilisations are left behind.
package struct GanetiImport {
    private static let cpusMax = 65_536
    /// Utilisation above this many times the node is absurd.
    private static let utilisationMax = 100
    private static let sharedTemplates: Set<Substring> = ["rbd", "ext", "sharedfile", "gluster", "diskless"]
    private static let localTemplates: Set<Substring> = ["plain", "file"]

    private struct Instance {
        var id: VMID
        var node: NodeID
        var secondary: NodeID?
        var memoryMiB: Int
        var vcpus: Int
        var isMovable: Bool
    }

    private var reading = TextReading()
    /// Names by the uuid of the group.
    private var groups: [Substring: String] = [:]
    private var nodes: [Node] = []
    private var cpus: [NodeID: Int] = [:]
    private var instances: [Instance] = []
    private var known: Set<VMID> = []
    private var stoppedCount = 0
    private var utilisations: [VMID: DecimalNumber] = [:]

    /// - Parameters:
    ///   - data: the text of `-t`, with what it is called.
    ///   - utilisation: that of `-U`, if there is one.
    /// - Throws: everything that is wrong with the first file that is not right.
    package static func read(
        data: (bytes: [UInt8], source: String), utilisation: (bytes: [UInt8], source: String)?
    ) throws(InvalidInput) -> ImportedSnapshot {
        var reader = GanetiImport()
        try reader.readData(try TextReading.lines(data.bytes, named: data.source), data.source)
        if let utilisation {
            try reader.readUtilisation(
                try TextReading.lines(utilisation.bytes, named: utilisation.source), utilisation.source)
        }
        let imported = reader.imported(hasUtilisation: utilisation != nil)
        if let defects = try? imported.snapshot.problem().defects, !defects.isEmpty {
            throw InvalidInput(source: data.source, problems: defects.map { InputProblem(text: "\($0)") })
        }
        return imported
    }

    // MARK: - The data file

    private mutating func readData(_ lines: [Substring], _ source: String) throws(InvalidInput) {
        var section = 0
        for (index, line) in lines.enumerated() {
            guard !line.isEmpty else {
                section += 1
                continue
            }
            let fields = line.split(separator: "|", omittingEmptySubsequences: false)
            switch section {
            case 0: self.readGroup(fields, index + 1)
            case 1: self.readNode(fields, index + 1)
            case 2: self.readInstance(fields, index + 1)
            // Cluster tags and instance policies.
            default: break
            }
        }
        if section < 2 {
            self.reading.report(line: lines.count, "expected groups, nodes and instances, with empty lines between")
        }
        try self.reading.finish(source)
    }

    private mutating func hasFields(_ fields: [Substring], atLeast count: Int, _ what: String, _ line: Int) -> Bool {
        if fields.count >= count { return true }
        self.reading.report(line: line, "\(fields.count) fields, \(what) has at least \(count)")
        return false
    }

    private mutating func readGroup(_ fields: [Substring], _ line: Int) {
        guard self.hasFields(fields, atLeast: 2, "a group", line) else { return }
        if self.groups.updateValue(String(fields[0]), forKey: fields[1]) != nil {
            self.reading.report(line: line, field: "uuid", "the group is there twice")
        }
    }

    private mutating func readNode(_ fields: [Substring], _ line: Int) {
        guard self.hasFields(fields, atLeast: 9, "a node", line) else { return }
        let id = NodeID(String(fields[0]))
        if id == nil {
            self.reading.report(
                line: line, field: "name", "found \(JSONValue.quoted(String(fields[0]))), expected a node name")
        }
        let amounts = Resources.amountRange
        let total = self.reading.integer(fields[1], in: amounts, line: line, field: "total memory")
        let host = self.reading.integer(fields[2], in: amounts, line: line, field: "host memory")
        let cpus = self.reading.integer(fields[6], in: 0...Self.cpusMax, line: line, field: "physical CPUs")
        if !["N", "Y", "M"].contains(fields[7]) {
            self.reading.report(
                line: line, field: "offline", "found \(JSONValue.quoted(String(fields[7]))), expected N, Y or M")
        }
        let group = self.groups[fields[8]]
        if group == nil {
            self.reading.report(line: line, field: "group", "unknown group \(JSONValue.quoted(String(fields[8])))")
        }
        guard let id, let total, let host, let cpus, let group else { return }
        if host > total { self.reading.report(line: line, field: "host memory", "\(host) of \(total) MiB") }
        if self.cpus.updateValue(cpus, forKey: id) != nil {
            self.reading.report(line: line, field: "name", "node \(id) is there twice")
        }
        self.nodes.append(
            Node(
                id: id, capacity: Resources(cpuMillicores: cpus * 1_000, memoryMiB: total),
                reserved: Resources(cpuMillicores: 0, memoryMiB: host), state: fields[7] == "Y" ? .offline : .active,
                site: group))
    }

    private mutating func readInstance(_ fields: [Substring], _ line: Int) {
        guard self.hasFields(fields, atLeast: 9, "an instance", line) else { return }
        let id = VMID(String(fields[0]))
        if id == nil {
            self.reading.report(
                line: line, field: "name", "found \(JSONValue.quoted(String(fields[0]))), expected a VM name")
        }
        let memory = self.reading.integer(fields[1], in: Resources.amountRange, line: line, field: "memory")
        let vcpus = self.reading.integer(fields[3], in: 1...Self.cpusMax, line: line, field: "virtual CPUs")
        let node = self.node(fields[6], "primary node", line)
        let isMirrored = fields[8] == "drbd"
        let secondary = isMirrored ? self.node(fields[7], "secondary node", line) : nil
        let isKnown = isMirrored || Self.sharedTemplates.contains(fields[8]) || Self.localTemplates.contains(fields[8])
        if !isKnown {
            self.reading.report(
                line: line, field: "disk template", "unknown template \(JSONValue.quoted(String(fields[8])))")
        }
        guard let id, let memory, let vcpus, let node else { return }
        if !self.known.insert(id).inserted {
            self.reading.report(line: line, field: "name", "instance \(id) is there twice")
        }
        guard fields[4] == "running" else {
            self.stoppedCount += 1
            return
        }
        self.instances.append(
            Instance(
                id: id, node: node, secondary: secondary, memoryMiB: memory, vcpus: vcpus,
                isMovable: !Self.localTemplates.contains(fields[8])))
    }

    private mutating func node(_ name: Substring, _ field: String, _ line: Int) -> NodeID? {
        if let id = NodeID(String(name)), self.cpus[id] != nil { return id }
        self.reading.report(line: line, field: field, "unknown node \(JSONValue.quoted(String(name)))")
        return nil
    }

    // MARK: - The utilisation file

    private mutating func readUtilisation(_ lines: [Substring], _ source: String) throws(InvalidInput) {
        for (index, line) in lines.enumerated() where !line.isEmpty {
            let fields = line.split(separator: " ")
            guard self.hasFields(fields, atLeast: 5, "a utilisation", index + 1) else { continue }
            guard let id = VMID(String(fields[0])), self.known.contains(id) else {
                self.reading.report(
                    line: index + 1, field: "instance", "unknown instance \(JSONValue.quoted(String(fields[0])))")
                continue
            }
            guard let share = DecimalNumber(fields[1]), share.digits >= 0,
                share.digits / share.scale < Self.utilisationMax
            else {
                self.reading.report(
                    line: index + 1, field: "CPU",
                    "found \(JSONValue.quoted(String(fields[1]))), expected a decimal number from 0 to \(Self.utilisationMax)"
                )
                continue
            }
            if self.utilisations.updateValue(share, forKey: id) != nil {
                self.reading.report(line: index + 1, field: "instance", "instance \(id) is there twice")
            }
        }
        try self.reading.finish(source)
    }

    // MARK: - What becomes of it

    private func imported(hasUtilisation: Bool) -> ImportedSnapshot {
        var constraints: [SnapshotConstraint] = []
        let sites = Set(self.nodes.map(\.site)).sorted()
        let siteOf = Dictionary(self.nodes.map { ($0.id, $0.site) }, uniquingKeysWith: { first, _ in first })
        for site in sites where sites.count > 1 {
            let vms = self.instances.filter { siteOf[$0.node] == site }.map(\.id)
            let nodes = self.nodes.filter { $0.site == site }.map(\.id)
            if !vms.isEmpty { constraints.append(SnapshotConstraint(Fence(vms, to: nodes), id: "group \(site)")) }
        }
        var unmeasured = 0
        let vms = self.instances.map { instance in
            var cpu = instance.vcpus * 1_000
            if hasUtilisation {
                let share = self.utilisations[instance.id]
                if share == nil { unmeasured += 1 }
                cpu = share?.times(self.cpus[instance.node, default: 0] * 1_000) ?? cpu
            }
            if let secondary = instance.secondary {
                constraints.append(SnapshotConstraint(Fence([instance.id], to: [instance.node, secondary])))
            }
            return SnapshotVM(
                VirtualMachine(
                    id: instance.id, demand: Resources(cpuMillicores: cpu, memoryMiB: instance.memoryMiB),
                    migratability: instance.isMovable ? .migratable : .rooted(reason: "its disks are local")),
                on: instance.node, vcpus: instance.vcpus)
        }
        var notes: [String] = []
        if self.stoppedCount > 0 {
            notes.append("instances left out, because they are not running: \(self.stoppedCount)")
        }
        if unmeasured > 0 {
            notes.append("instances without a utilisation, taken at their virtual CPUs: \(unmeasured)")
        }
        return ImportedSnapshot(
            Snapshot(nodes: self.nodes.map { SnapshotNode($0) }, vms: vms, constraints: constraints), notes: notes)
    }
}
