import Basis
import Placement

extension Snapshot {
    /// Reads `dvms-snapshot/1`.
    ///
    /// - Parameter source: what the file is called in messages.
    /// - Throws: everything that is wrong with it, each with its path.
    package static func read(_ bytes: [UInt8], named source: String) throws(InvalidInput) -> Snapshot {
        try DocumentReading.document(bytes, named: source) { reading, root in
            var reader = SnapshotReader()
            return reader.read(root, &reading)
        }
    }
}

/// Reads a snapshot, and knows meanwhile which nodes and VMs it has met.
struct SnapshotReader {
    /// The longest site, rack, constraint id or reason, in bytes.
    private static let labelBytesMax = 255

    var nodeIDs: [String: NodeID] = [:]
    var vmIDs: [String: VMID] = [:]
    var isPartition = false
    /// By resource: the most that any node has for VMs. nil in a partition, whose VMs may be made for nodes elsewhere,
    /// and where not all nodes could be read.
    private var largest: [Int]?

    mutating func read(_ root: JSONValue, _ reading: inout DocumentReading) -> Snapshot? {
        guard let object = reading.object(root, .snapshot) else { return nil }
        reading.field(object, "format") { reading, value in
            reading.word(value, of: [Snapshot.format], what: "format")
        }
        self.isPartition = reading.field(object, "partition") { $0.bool($1) } ?? false
        let nodes = self.list(object, "nodes", atMost: PlacementProblem.nodesMax, &reading) { $0.node($1, &$2) }
        self.largest = self.isPartition || nodes.isEmpty || !reading.isClean ? nil : Self.largest(nodes)
        let vms = self.list(object, "vms", atMost: PlacementProblem.vmsMax, &reading) { $0.vm($1, &$2) }
        let outside = self.outside(object, &reading)
        let constraints = self.constraints(object, &reading)
        let policy =
            reading.field(object, "policy") {
                self.policy($1, hasDraining: nodes.contains { $0.node.state == .draining }, &$0)
            }
            ?? SnapshotPolicy()
        guard reading.isClean else { return nil }
        let snapshot = Snapshot(
            isPartition: self.isPartition, nodes: nodes, vms: vms, outside: outside, constraints: constraints,
            policy: policy)
        guard snapshot.isWithinLimits(root, &reading) else { return nil }
        self.checkContradictions(of: snapshot, object, &reading)
        return reading.isClean ? snapshot : nil
    }

    /// Reads the elements of the array at `key`.
    mutating func list<Value>(
        _ object: JSONObject, _ key: String, atMost countMax: Int, _ reading: inout DocumentReading,
        _ read: (inout SnapshotReader, JSONValue, inout DocumentReading) -> Value?
    ) -> [Value] {
        reading.field(object, key) { reading, value in
            reading.elements(value, atMost: countMax) { reading, element in read(&self, element, &reading) }
        } ?? []
    }

    // MARK: - Nodes

    private mutating func node(_ value: JSONValue, _ reading: inout DocumentReading) -> SnapshotNode? {
        guard let object = reading.object(value, .node) else { return nil }
        let id = reading.field(object, "id") { Self.nodeID($1, &$0) }
        if let id, self.nodeIDs.updateValue(id, forKey: id.name) != nil {
            reading.report(value, "node \(id) is there twice")
        }
        let capacity = reading.field(object, "capacity") { $0.resources($1, areRequired: true) }
        let reserved = reading.field(object, "reserved") { $0.resources($1, areRequired: false) } ?? .zero
        let percents =
            reading.field(object, "overcommit_percent") { $0.percents($1, in: Node.overcommitPercentRange) } ?? .whole
        let state = reading.field(object, "state") { Self.state($1, &$0) } ?? .active
        let site = reading.field(object, "site") { $0.label($1, bytesMax: Self.labelBytesMax) } ?? ""
        let rack = reading.field(object, "rack") { $0.label($1, bytesMax: Self.labelBytesMax) } ?? ""
        let link = reading.field(object, "link_mbps") { $0.integer($1, in: Node.linkMbpsRange) } ?? 1_000
        let thresholds = Self.thresholds(object, value, &reading)
        guard let id, let capacity else { return nil }
        let node = Node(
            id: id, capacity: capacity, reserved: reserved, overcommitPercent: percents, state: state, site: site,
            rack: rack, linkMbps: link)
        for resource in Resource.allCases {
            guard let spared = node.spared(resource), spared < 0 else { continue }
            reading.report(
                value,
                "it keeps back \(reserved[resource]) of \(capacity[resource]) \(resource.unit) of \(resource)")
        }
        return SnapshotNode(node, thresholds: thresholds)
    }

    /// A node's own thresholds; nil where it has none.
    private static func thresholds(_ object: JSONObject, _ value: JSONValue, _ reading: inout DocumentReading)
        -> LoadThresholds?
    {
        let over = reading.field(object, "overload_percent") { $0.integer($1, in: LoadThresholds.overloadPercentRange) }
        let under = reading.field(object, "underload_percent") {
            $0.integer($1, in: 0...LoadThresholds.overloadPercentRange.upperBound)
        }
        guard object["overload_percent"] != nil || object["underload_percent"] != nil else { return nil }
        let thresholds = LoadThresholds(overloadPercent: over ?? 100, underloadPercent: under ?? 0)
        if thresholds.underloadPercent >= thresholds.overloadPercent {
            reading.report(
                value,
                "underload at \(thresholds.underloadPercent) % is not below overload at \(thresholds.overloadPercent) %"
            )
        }
        return thresholds
    }

    private static func state(_ value: JSONValue, _ reading: inout DocumentReading) -> NodeState? {
        let word = reading.word(value, of: NodeState.allCases.map(\.word), what: "state")
        return word.flatMap { word in NodeState.allCases.first { $0.word == word } }
    }

    static func nodeID(_ value: JSONValue, _ reading: inout DocumentReading) -> NodeID? {
        guard let text = reading.string(value) else { return nil }
        guard let id = NodeID(text) else {
            reading.report(
                value, "found \(value.found), expected a node name: 1 to \(NodeID.lengthMax) of a-z A-Z 0-9 . _ -")
            return nil
        }
        return id
    }

    /// The name of a node that is there.
    func knownNode(_ value: JSONValue, _ reading: inout DocumentReading) -> NodeID? {
        guard let id = Self.nodeID(value, &reading) else { return nil }
        if let known = self.nodeIDs[id.name] { return known }
        reading.report(
            value, "unknown node \(value.found)", name: id.name, among: Array(self.nodeIDs.keys))
        return nil
    }

    // MARK: - VMs

    private mutating func vm(_ value: JSONValue, _ reading: inout DocumentReading) -> SnapshotVM? {
        guard let object = reading.object(value, .vm) else { return nil }
        let id = reading.field(object, "id") { Self.vmID($1, &$0) }
        // Known also where something else of it is wrong, so that constraints that name it are not blamed.
        if let id, self.vmIDs.updateValue(id, forKey: id.name) != nil {
            reading.report(value, "VM \(JSONValue.quoted(id.name)) is there twice")
        }
        let node = reading.field(object, "node") { self.knownNode($1, &$0) }
        let demand = reading.field(object, "demand") { self.demand($1, &$0) }
        let vcpus = reading.field(object, "vcpus") { $0.integer($1, in: SnapshotVM.vcpusRange) }
        let isMigratable = reading.field(object, "migratable") { $0.bool($1) } ?? true
        let reason = reading.field(object, "rooted_because") { $0.label($1, bytesMax: Self.labelBytesMax) }
        let dirty = reading.field(object, "dirty_mib_s") { $0.integer($1, in: Resources.amountRange) } ?? 0
        let variance = reading.field(object, "cpu_variance") { $0.integer($1, in: Resources.amountRange) } ?? 0
        if isMigratable, reason != nil { reading.report(value, "rooted_because goes with \"migratable\": false") }
        guard let id, let node, let demand else { return nil }
        let vm = VirtualMachine(
            id: id, demand: demand, cpuDemandVariance: variance, dirtyMiBPerSecond: dirty,
            migratability: isMigratable ? .migratable : .rooted(reason: reason ?? SnapshotVM.rootedReason))
        return SnapshotVM(vm, on: node, vcpus: vcpus)
    }

    static func vmID(_ value: JSONValue, _ reading: inout DocumentReading) -> VMID? {
        guard let text = reading.string(value) else { return nil }
        guard let id = VMID(text) else {
            reading.report(
                value,
                "found \(value.found), expected a VM name: 1 to \(VMID.lengthMax) bytes without control characters or /"
            )
            return nil
        }
        return id
    }

    /// The name of a VM that is there.
    func knownVM(_ value: JSONValue, _ reading: inout DocumentReading) -> VMID? {
        guard let id = Self.vmID(value, &reading) else { return nil }
        if let known = self.vmIDs[id.name] { return known }
        reading.report(value, "unknown VM \(value.found)", name: id.name, among: Array(self.vmIDs.keys))
        return nil
    }

    private static func largest(_ nodes: [SnapshotNode]) -> [Int] {
        Resource.allCases.map { resource in nodes.map { $0.node.usable(resource) ?? .max }.max() ?? .max }
    }

    /// What a VM wants; reported where no node could hold it, were it empty.
    private func demand(_ value: JSONValue, _ reading: inout DocumentReading) -> Resources? {
        guard let demand = reading.resources(value, areRequired: true) else { return nil }
        guard let largest = self.largest, case .object(let members) = value.content else { return demand }
        for resource in Resource.allCases where demand[resource] > largest[resource.rawValue] {
            reading.field(JSONObject(members: members), resource.key) { reading, amount in
                reading.report(
                    amount,
                    "found \(amount.found), more than any node has for VMs: at most \(largest[resource.rawValue])"
                        + " \(resource.unit)")
            }
        }
        return demand
    }

    private mutating func outside(_ object: JSONObject, _ reading: inout DocumentReading) -> Mapping {
        var outside = Mapping()
        let isPartition = self.isPartition
        let entries = self.list(object, "outside", atMost: PlacementProblem.vmsMax, &reading) {
            reader, value, reading in
            if !isPartition { reading.report(value, "only a partition has an outside") }
            guard let entry = reading.object(value, .outsider),
                let vm = reading.field(entry, "vm", { Self.vmID($1, &$0) }),
                let node = reading.field(entry, "node", { Self.nodeID($1, &$0) })
            else { return nil as (VMID, NodeID)? }
            if reader.vmIDs[vm.name] != nil { reading.report(value, "VM \(vm) is inside as well") }
            return (vm, node)
        }
        for (vm, node) in entries { outside[vm] = node }
        return outside
    }
}

// What holds of a snapshot as a whole.
extension SnapshotReader {
    /// Among more constraints than this, contradictions are left to the solver: looking for them compares constraints
    /// with each other.
    private static let comparedMax = 2_000

    /// Reports constraints that contradict each other, at the last of those concerned. What a single constraint asks in
    /// vain is for the solver to prove. In a partition nothing is said: its ISP grows until they can be met.
    private func checkContradictions(of snapshot: Snapshot, _ object: JSONObject, _ reading: inout DocumentReading) {
        guard !self.isPartition, snapshot.constraints.count <= Self.comparedMax,
            let problem = snapshot.problemWhateverTheAim
        else { return }
        let hard = snapshot.constraints.indices.filter { snapshot.constraints[$0].weight == nil }
        var reasons: [Int: [String]] = [:]
        for contradiction in problem.contradictions where contradiction.constraints.count > 1 {
            guard let last = contradiction.constraints.last else { continue }
            reasons[hard[last], default: []].append(contradiction.reason)
        }
        guard !reasons.isEmpty else { return }
        reading.field(object, "constraints") { reading, value in
            var index = 0
            return reading.elements(value) { reading, element in
                for reason in reasons[index] ?? [] { reading.report(element, "contradiction: \(reason)") }
                index += 1
                return true
            }
        }
    }
}

extension Snapshot {
    /// The problem as far as it does not depend on the aim, so that what it lacks is told whatever the aim.
    fileprivate var problemWhateverTheAim: PlacementProblem? {
        var known = self
        known.policy = SnapshotPolicy(
            overloadPercent: self.policy.overloadPercent, underloadPercent: self.policy.underloadPercent)
        return try? known.problem()
    }

    /// What holds of a problem as a whole, such as the sum of all memory. Whatever else the solver would refuse is
    /// told here too: nothing that was read is refused later.
    func isWithinLimits(_ root: JSONValue, _ reading: inout DocumentReading) -> Bool {
        guard let problem = self.problemWhateverTheAim else { return true }
        for defect in problem.defects { reading.report(root, "\(defect)") }
        return reading.isClean
    }
}
