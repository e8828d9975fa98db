import Basis
import Placement

extension SnapshotReader {
    /// How many constraints are read at the most.
    private static let constraintsMax = 100_000
    private static let idBytesMax = 255

    mutating func constraints(_ object: JSONObject, _ reading: inout DocumentReading) -> [SnapshotConstraint] {
        var ids: Set<String> = []
        return self.list(object, "constraints", atMost: Self.constraintsMax, &reading) { reader, value, reading in
            guard let constraint = reader.constraint(value, &reading) else { return nil }
            if let id = constraint.id, !ids.insert(id).inserted {
                reading.report(value, "the constraint id \(JSONValue.quoted(id)) is there twice")
            }
            return constraint
        }
    }

    private func constraint(_ value: JSONValue, _ reading: inout DocumentReading) -> SnapshotConstraint? {
        guard let object = reading.openObject(value) else { return nil }
        guard object["type"] != nil else {
            reading.report(value, "a constraint without a type")
            return nil
        }
        let names = ConstraintFormat.all.map(\.name)
        let name = reading.field(object, "type") { $0.word($1, of: names, what: "type of constraint") }
        guard let format = name.flatMap(ConstraintFormat.named) else { return nil }
        self.checkFields(of: object, value, format, &reading)
        let id = reading.field(object, "id") { $0.label($1, bytesMax: Self.idBytesMax) }
        let weight = reading.field(object, "weight") { $0.integer($1, in: SoftConstraint.weightRange) }
        let isContinuous = reading.field(object, "continuous") { $0.bool($1) } ?? format.isContinuousByDefault
        let parts = self.parts(object, format, &reading)
        guard let constraint = parts.constraint(format, isContinuous: isContinuous) else { return nil }
        if object["continuous"] != nil, constraint.isContinuous != isContinuous {
            reading.report(
                value, "\(format.name) always binds \(constraint.isContinuous ? "at every instant" : "at the end") here"
            )
        }
        return SnapshotConstraint(constraint, id: id, weight: weight)
    }

    private func checkFields(
        of object: JSONObject, _ value: JSONValue, _ format: ConstraintFormat, _ reading: inout DocumentReading
    ) {
        let required = format.fields.map(\.rawValue)
        for key in required where object[key] == nil {
            reading.report(value, "\(format.name) needs \(key)")
        }
        let allowed = required + ConstraintFormat.commonFields
        for member in object.members where !allowed.contains(member.key) {
            let isField = ConstraintFormat.Field(rawValue: member.key) != nil
            reading.report(
                member.value,
                isField ? "\(format.name) has no \(member.key)" : "unknown key \(JSONValue.quoted(member.key))",
                name: isField ? nil : member.key, among: allowed)
        }
    }

    // MARK: - Fields

    /// What the fields of a constraint hold; nil where one is missing or cannot be read.
    private struct Parts {
        var vms: [VMID]?
        var nodes: [NodeID]?
        var vmGroups: [[VMID]]?
        var nodeGroups: [[NodeID]]?
        var limit: Int?
        var resource: Resource?
        var ratioPercent: Int?

        func constraint(_ format: ConstraintFormat, isContinuous: Bool) -> (any PlacementConstraint)? {
            switch (format.name, self.vms, self.nodes, self.vmGroups, self.nodeGroups) {
            case (Spread.typeName, let vms?, _, _, _): return Spread(vms, isContinuous: isContinuous)
            case (Gather.typeName, let vms?, _, _, _): return Gather(vms, isContinuous: isContinuous)
            case (Fence.typeName, let vms?, let nodes?, _, _): return Fence(vms, to: nodes, isContinuous: isContinuous)
            case (Ban.typeName, let vms?, let nodes?, _, _): return Ban(vms, from: nodes, isContinuous: isContinuous)
            case (Among.typeName, let vms?, _, _, let groups?):
                return Among(vms, groups: groups, isContinuous: isContinuous)
            case (Split.typeName, _, _, let groups?, _): return Split(groups: groups, isContinuous: isContinuous)
            case (SplitAmong.typeName, _, _, let vms?, let groups?):
                return SplitAmong(vmGroups: vms, nodeGroups: groups, isContinuous: isContinuous)
            case (Lonely.typeName, let vms?, _, _, _): return Lonely(vms, isContinuous: isContinuous)
            case (Quarantine.typeName, _, let nodes?, _, _): return Quarantine(nodes)
            case (Root.typeName, let vms?, _, _, _): return Root(vms)
            default: return self.counted(format, isContinuous: isContinuous)
            }
        }

        /// The constraints with a number in them.
        private func counted(_ format: ConstraintFormat, isContinuous: Bool) -> (any PlacementConstraint)? {
            if let nodes = self.nodes, let limit = self.limit {
                if format.name == MaxOnline.typeName {
                    return MaxOnline(nodes, limit: limit, isContinuous: isContinuous)
                }
                if format.name == RunningCapacity.typeName {
                    return RunningCapacity(nodes, limit: limit, isContinuous: isContinuous)
                }
            }
            guard let resource = self.resource else { return nil }
            if format.name == Preserve.typeName, let vms = self.vms, let limit = self.limit {
                return Preserve(vms, resource: resource, amount: limit)
            }
            if format.name == Overbook.typeName, let nodes = self.nodes, let ratio = self.ratioPercent {
                return Overbook(nodes, resource: resource, ratioPercent: ratio)
            }
            return nil
        }
    }

    private func parts(_ object: JSONObject, _ format: ConstraintFormat, _ reading: inout DocumentReading) -> Parts {
        var parts = Parts()
        for field in format.fields {
            let key = field.rawValue
            switch field {
            case .vms where format.vmsAreGroups:
                parts.vmGroups = reading.field(object, key) { self.groups($1, &$0) { self.memberVM($0, &$1) } }
            case .vms: parts.vms = reading.field(object, key) { self.names($1, &$0) { self.memberVM($0, &$1) } }
            case .nodes: parts.nodes = reading.field(object, key) { self.names($1, &$0) { self.memberNode($0, &$1) } }
            case .groups where format.groups == .vms:
                parts.vmGroups = reading.field(object, key) { self.groups($1, &$0) { self.memberVM($0, &$1) } }
            case .groups:
                parts.nodeGroups = reading.field(object, key) { self.groups($1, &$0) { self.memberNode($0, &$1) } }
            case .limit:
                let range = Self.limitRange(of: format)
                parts.limit = reading.field(object, key) { $0.integer($1, in: range) }
            case .resource: parts.resource = reading.field(object, key) { $0.resource($1) }
            case .ratioPercent:
                parts.ratioPercent = reading.field(object, key) { $0.integer($1, in: Overbook.ratioPercentRange) }
            }
        }
        return parts
    }

    private static func limitRange(of format: ConstraintFormat) -> ClosedRange<Int> {
        switch format.name {
        case MaxOnline.typeName: 0...PlacementProblem.nodesMax
        case RunningCapacity.typeName: 0...PlacementProblem.vmsMax
        default: Resources.amountRange
        }
    }

    private func memberVM(_ value: JSONValue, _ reading: inout DocumentReading) -> VMID? {
        self.isPartition ? Self.vmID(value, &reading) : self.knownVM(value, &reading)
    }

    private func memberNode(_ value: JSONValue, _ reading: inout DocumentReading) -> NodeID? {
        self.isPartition ? Self.nodeID(value, &reading) : self.knownNode(value, &reading)
    }

    /// A list in which nothing is there twice.
    private func names<Name: Hashable>(
        _ value: JSONValue, _ reading: inout DocumentReading,
        _ read: (JSONValue, inout DocumentReading) -> Name?
    ) -> [Name] {
        var seen: Set<Name> = []
        return self.names(value, &reading, &seen, read)
    }

    /// Lists in which nothing is there twice, neither in one nor in two of them.
    private func groups<Name: Hashable>(
        _ value: JSONValue, _ reading: inout DocumentReading,
        _ read: (JSONValue, inout DocumentReading) -> Name?
    ) -> [[Name]] {
        var seen: Set<Name> = []
        return reading.elements(value) { reading, group in self.names(group, &reading, &seen, read) }
    }

    private func names<Name: Hashable>(
        _ value: JSONValue, _ reading: inout DocumentReading, _ seen: inout Set<Name>,
        _ read: (JSONValue, inout DocumentReading) -> Name?
    ) -> [Name] {
        reading.elements(value) { reading, element in
            guard let name = read(element, &reading) else { return nil }
            if !seen.insert(name).inserted { reading.report(element, "\(element.found) is there twice") }
            return name
        }
    }
}
