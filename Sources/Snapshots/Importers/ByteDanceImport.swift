import Basis
import Placement

/// Reads the data set of ByteDance's rescheduling challenge: clusters of two-socket servers with virtual machines
/// pinned to their NUMA nodes.
///
/// A server becomes a node, the sum of its NUMA nodes; the cluster becomes the site, and with several clusters a
/// `fence` keeps virtual machines in theirs. A virtual machine becomes a VM that demands the CPUs and the memory which it
/// was given, all of it. Left behind: on which NUMA node it is (so a plan may need more room on one of them than it has),
/// limits of flavours, and the challenge's own objective and limits.
package struct ByteDanceImport {
    private static let cpusMax = 65_536

    private var servers: [String: NodeID] = [:]
    private var machines: Set<VMID> = []
    private var inactive = 0

    /// - Throws: everything that is wrong with it, each with its path.
    package static func read(_ bytes: [UInt8], named source: String) throws(InvalidInput) -> ImportedSnapshot {
        try DocumentReading.document(bytes, named: source) { reading, root in
            var reader = ByteDanceImport()
            return reader.read(root, &reading)
        }
    }

    private mutating func read(_ root: JSONValue, _ reading: inout DocumentReading) -> ImportedSnapshot? {
        guard let object = reading.openObject(root) else { return nil }
        let flavours = self.required(object, "vm_type_list", of: root, &reading) { reading, list in
            Set(reading.elements(list) { reading, flavour in Self.flavour(flavour, &reading) })
        }
        let clusters = self.required(object, "cluster_list", of: root, &reading) { reading, list in
            reading.elements(list) { reading, cluster in self.cluster(cluster, flavours ?? [], &reading) }
        }
        guard let clusters, reading.isClean else { return nil }
        var constraints: [SnapshotConstraint] = []
        for cluster in clusters where clusters.count > 1 && !cluster.vms.isEmpty {
            let fence = Fence(cluster.vms.map(\.vm.id), to: cluster.nodes.map(\.node.id))
            constraints.append(SnapshotConstraint(fence, id: "cluster \(cluster.name)"))
        }
        let snapshot = Snapshot(
            nodes: clusters.flatMap(\.nodes), vms: clusters.flatMap(\.vms), constraints: constraints)
        guard snapshot.isWithinLimits(root, &reading) else { return nil }
        return ImportedSnapshot(
            snapshot,
            notes: self.inactive > 0 ? ["servers taken as offline, because they are not ACTIVE: \(self.inactive)"] : [])
    }

    /// Reads the value of a key that has to be there.
    private func required<Value>(
        _ object: JSONObject, _ key: String, of value: JSONValue, _ reading: inout DocumentReading,
        _ read: (inout DocumentReading, JSONValue) -> Value?
    ) -> Value? {
        guard object[key] != nil else {
            reading.report(value, "\(key) is missing")
            return nil
        }
        return reading.field(object, key, read)
    }

    private static func flavour(_ value: JSONValue, _ reading: inout DocumentReading) -> String? {
        guard let object = reading.openObject(value) else { return nil }
        return reading.field(object, "vm_type") { $0.string($1) }
    }

    // MARK: - Clusters

    private struct Cluster {
        var name: String
        var nodes: [SnapshotNode]
        var vms: [SnapshotVM]
    }

    private mutating func cluster(_ value: JSONValue, _ flavours: Set<String>, _ reading: inout DocumentReading)
        -> Cluster?
    {
        guard let object = reading.openObject(value) else { return nil }
        let name = self.required(object, "cluster_name", of: value, &reading) { $0.label($1, bytesMax: 255) } ?? ""
        var servers: [SnapshotNode] = []
        if let list = object["host_info"] {
            reading.field(object, "host_info") { reading, _ in
                servers = reading.elements(list) { reading, server in self.server(server, name, &reading) }
                return true
            }
        } else {
            reading.report(value, "host_info is missing")
        }
        var machines: [SnapshotVM] = []
        reading.field(object, "vm_instance") { reading, list in
            machines = reading.elements(list) { reading, machine in self.machine(machine, flavours, &reading) }
            return true
        }
        reading.field(object, "other_requirement") { reading, requirement in
            guard let object = reading.openObject(requirement) else { return false }
            return reading.field(object, "deployment_set") { reading, sets in
                guard case .array(let elements) = sets.content, elements.isEmpty else {
                    reading.report(sets, "deployment sets are not understood")
                    return false
                }
                return true
            }
        }
        return Cluster(name: name, nodes: servers, vms: machines)
    }

    private mutating func server(_ value: JSONValue, _ site: String, _ reading: inout DocumentReading)
        -> SnapshotNode?
    {
        guard let object = reading.openObject(value) else { return nil }
        let id = self.required(object, "node_id", of: value, &reading) { SnapshotReader.nodeID($1, &$0) }
        let cpus = self.required(object, "node_cpu", of: value, &reading) { $0.whole($1, in: 0...Self.cpusMax) }
        let memory = self.required(object, "node_mem_mb", of: value, &reading) {
            $0.whole($1, in: Resources.amountRange)
        }
        let rack = reading.field(object, "rack_id") { $0.whole($1, in: 0...Int(Int32.max)) }
        let status = self.required(object, "status", of: value, &reading) { $0.string($1) }
        if let id, self.servers.updateValue(id, forKey: id.name) != nil {
            reading.report(value, "server \(id) is there twice")
        }
        guard let id, let cpus, let memory, let status else { return nil }
        if status != "ACTIVE" { self.inactive += 1 }
        return SnapshotNode(
            Node(
                id: id, capacity: Resources(cpuMillicores: cpus * 1_000, memoryMiB: memory),
                state: status == "ACTIVE" ? .active : .offline, site: site, rack: rack.map { "\($0)" } ?? ""))
    }

    private mutating func machine(_ value: JSONValue, _ flavours: Set<String>, _ reading: inout DocumentReading)
        -> SnapshotVM?
    {
        guard let object = reading.openObject(value) else { return nil }
        let id = self.required(object, "instance_id", of: value, &reading) { SnapshotReader.vmID($1, &$0) }
        let server = self.required(object, "host_id", of: value, &reading) { reading, host -> NodeID? in
            guard let text = reading.string(host) else { return nil }
            if let id = self.servers[text] { return id }
            reading.report(host, "unknown server \(host.found)", name: text, among: Array(self.servers.keys))
            return nil
        }
        reading.field(object, "instance_type") { reading, type -> Bool? in
            guard let text = reading.string(type), !flavours.contains(text) else { return true }
            reading.report(type, "unknown flavour \(type.found)", name: text, among: Array(flavours))
            return nil
        }
        let isMovable = reading.field(object, "allow_migration") { $0.bool($1) } ?? true
        let shares = self.required(object, "numa", of: value, &reading) { reading, list in
            reading.elements(list) { Self.share($1, &$0) }
        }
        guard let id, let server, let shares else { return nil }
        if !self.machines.insert(id).inserted { reading.report(value, "\(id) is there twice") }
        let cpus = shares.reduce(0) { $0 + $1.cpus }
        let demand = Resources(cpuMillicores: cpus * 1_000, memoryMiB: shares.reduce(0) { $0 + $1.memoryMiB })
        return SnapshotVM(
            VirtualMachine(
                id: id, demand: demand,
                migratability: isMovable ? .migratable : .rooted(reason: "its migration is not allowed")),
            on: server, vcpus: SnapshotVM.vcpusRange.contains(cpus) ? cpus : nil)
    }

    /// What a virtual machine has of one NUMA node.
    private static func share(_ value: JSONValue, _ reading: inout DocumentReading) -> (cpus: Int, memoryMiB: Int)? {
        guard let object = reading.openObject(value) else { return nil }
        let cpus = reading.field(object, "cpu") { $0.whole($1, in: 0...Self.cpusMax) }
        let memory = reading.field(object, "mem_mb") { $0.whole($1, in: 0...1 << 30) }
        guard let cpus, let memory else {
            if object["cpu"] == nil || object["mem_mb"] == nil { reading.report(value, "cpu and mem_mb are needed") }
            return nil
        }
        return (cpus, memory)
    }
}

extension DocumentReading {
    /// A whole number, be it written with a point and zeros after it.
    fileprivate mutating func whole(_ value: JSONValue, in range: ClosedRange<Int>) -> Int? {
        guard case .number(let text) = value.content, let number = DecimalNumber(text)?.whole, range.contains(number)
        else { return self.integer(value, in: range) }
        return number
    }
}
