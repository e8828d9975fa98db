import Basis
import Placement

extension Snapshot {
    /// The snapshot as `dvms-snapshot/1`: nodes, VMs and constraints in the order in which they are listed, keys in the
    /// order of the format, and nothing that is as it is anyway. The same value always makes the same bytes.
    package var bytes: [UInt8] {
        var members = [JSONOutput.Member("format", .string(Self.format))]
        if self.isPartition { members.append(.init("partition", .bool(true))) }
        members.append(.init("nodes", .lines(self.nodes.map(\.output))))
        members.append(.init("vms", .lines(self.vms.map(\.output))))
        if self.outside.count > 0 {
            members.append(
                .init(
                    "outside",
                    .lines(
                        self.outside.assignments.map {
                            .object([.init("vm", .string($0.vm.name)), .init("node", .string($0.node.name))])
                        })))
        }
        if !self.constraints.isEmpty {
            members.append(.init("constraints", .lines(self.constraints.map(\.output))))
        }
        members.append(.init("policy", self.policy.output))
        return JSONOutput.document(members)
    }
}

extension SnapshotNode {
    fileprivate var output: JSONOutput {
        let node = self.node
        var members = [JSONOutput.Member("id", .string(node.id.name)), .init("capacity", node.capacity.output)]
        if node.reserved != .zero { members.append(.init("reserved", node.reserved.output)) }
        let percents = Resource.allCases.filter { node.overcommitPercent[$0] != 100 }.map {
            JSONOutput.Member($0.key, .integer(node.overcommitPercent[$0]))
        }
        if !percents.isEmpty { members.append(.init("overcommit_percent", .object(percents))) }
        if node.state != .active { members.append(.init("state", .string(node.state.word))) }
        if !node.site.isEmpty { members.append(.init("site", .string(node.site))) }
        if !node.rack.isEmpty { members.append(.init("rack", .string(node.rack))) }
        if node.linkMbps != 1_000 { members.append(.init("link_mbps", .integer(node.linkMbps))) }
        if let thresholds = self.thresholds {
            members.append(.init("overload_percent", .integer(thresholds.overloadPercent)))
            members.append(.init("underload_percent", .integer(thresholds.underloadPercent)))
        }
        return .object(members)
    }
}

extension SnapshotVM {
    fileprivate var output: JSONOutput {
        let vm = self.vm
        var members = [
            JSONOutput.Member("id", .string(vm.id.name)), .init("node", .string(self.node.name)),
            .init("demand", vm.demand.output),
        ]
        if let vcpus = self.vcpus { members.append(.init("vcpus", .integer(vcpus))) }
        if case .rooted(let reason) = vm.migratability {
            members.append(.init("migratable", .bool(false)))
            if reason != Self.rootedReason { members.append(.init("rooted_because", .string(reason))) }
        }
        if vm.dirtyMiBPerSecond != 0 { members.append(.init("dirty_mib_s", .integer(vm.dirtyMiBPerSecond))) }
        if vm.cpuDemandVariance != 0 { members.append(.init("cpu_variance", .integer(vm.cpuDemandVariance))) }
        return .object(members)
    }
}

extension Resources {
    /// CPU and memory always, the rates where they are not 0.
    fileprivate var output: JSONOutput {
        .object(
            Resource.allCases.filter { $0 == .cpu || $0 == .memory || self[$0] != 0 }.map {
                .init($0.key, .integer(self[$0]))
            })
    }
}

extension SnapshotConstraint {
    fileprivate var output: JSONOutput {
        var members = [JSONOutput.Member("type", .string(self.constraint.typeName))]
        if let id = self.id { members.append(.init("id", .string(id))) }
        members += self.fields
        let usual = ConstraintFormat.named(self.constraint.typeName)?.isContinuousByDefault
        let isFixed = self.constraint is Preserve || self.constraint is Overbook
        if !isFixed, self.constraint.isContinuous != usual {
            members.append(.init("continuous", .bool(self.constraint.isContinuous)))
        }
        if let weight = self.weight { members.append(.init("weight", .integer(weight))) }
        return .object(members)
    }

    private var fields: [JSONOutput.Member] {
        switch self.constraint {
        case let among as Among: [Self.list("vms", among.vms), Self.lists("groups", among.groups)]
        case let split as Split: [Self.lists("groups", split.groups)]
        case let split as SplitAmong: [Self.lists("vms", split.vmGroups), Self.lists("groups", split.nodeGroups)]
        case let maxOnline as MaxOnline:
            [Self.list("nodes", maxOnline.nodes), .init("limit", .integer(maxOnline.limit))]
        case let capacity as RunningCapacity:
            [Self.list("nodes", capacity.nodes), .init("limit", .integer(capacity.limit))]
        case let preserve as Preserve:
            [
                Self.list("vms", preserve.vms), .init("limit", .integer(preserve.amount)),
                .init("resource", .string(preserve.resource.key)),
            ]
        case let overbook as Overbook:
            [
                Self.list("nodes", overbook.nodes), .init("resource", .string(overbook.resource.key)),
                .init("ratio_percent", .integer(overbook.ratioPercent)),
            ]
        default:
            // The others name VMs, nodes, or both, and each says which in the table of formats.
            (ConstraintFormat.named(self.constraint.typeName)?.fields ?? []).map { field in
                field == .nodes ? Self.list("nodes", self.constraint.nodes) : Self.list("vms", self.constraint.vms)
            }
        }
    }

    private static func list(_ key: String, _ names: [some CustomStringConvertible]) -> JSONOutput.Member {
        .init(key, .array(names.map { .string("\($0)") }))
    }

    private static func lists(_ key: String, _ groups: [[some CustomStringConvertible]]) -> JSONOutput.Member {
        .init(key, .array(groups.map { .array($0.map { .string("\($0)") }) }))
    }
}

extension SnapshotPolicy {
    fileprivate var output: JSONOutput {
        var members = [JSONOutput.Member("name", .string(self.name.rawValue))]
        members.append(.init("overload_percent", .integer(self.overloadPercent)))
        if self.targetPercent < min(self.overloadPercent, 100) {
            members.append(.init("target_percent", .integer(self.targetPercent)))
        }
        if self.underloadPercent != 0 { members.append(.init("underload_percent", .integer(self.underloadPercent))) }
        if let node = self.node { members.append(.init("node", .string(node.name))) }
        for (key, value) in [
            ("moves_max", self.movesMax), ("memory_mib_max", self.memoryMiBMax),
            ("gain_min_permille", self.gainMinPermille), ("flights_in_max", self.flightCaps?.perNodeIn),
            ("flights_out_max", self.flightCaps?.perNodeOut),
        ] {
            if let value { members.append(.init(key, .integer(value))) }
        }
        if self.weights != .transferTime { members.append(.init("weights", self.weights.output)) }
        if self.demandPersistencePercent != 100 {
            members.append(.init("demand_persistence_percent", .integer(self.demandPersistencePercent)))
        }
        return .object(members)
    }
}

extension CostWeights {
    fileprivate var output: JSONOutput {
        .object([
            .init("memory_percent", .integer(self.memoryPercent)), .init("dirty_percent", .integer(self.dirtyPercent)),
            .init("link_percent", .integer(self.linkPercent)), .init("each_mib", .integer(self.eachMiB)),
        ])
    }
}
