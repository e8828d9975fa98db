package import Placement

/// How a type of constraint is written in a snapshot: the table of `docs/schemas/constraints.md`, as data.
package struct ConstraintFormat: Sendable {
    /// What a field holds.
    package enum Field: String, Hashable, Sendable, CaseIterable {
        case vms, nodes, groups, limit, resource
        case ratioPercent = "ratio_percent"
    }

    /// What ``Field/groups`` lists.
    package enum Groups: Hashable, Sendable {
        case vms, nodes
    }

    package let name: String
    /// All of them are there, and no others but ``commonFields``.
    package let fields: [Field]
    /// Whether ``Field/vms`` lists groups of VMs instead of VMs.
    package let vmsAreGroups: Bool
    package let groups: Groups?
    /// What `continuous` may say; nil where both may be said.
    package let isContinuous: Bool?
    /// What holds where `continuous` is not said.
    package let isContinuousByDefault: Bool

    private init(
        _ name: String, _ fields: [Field], vmsAreGroups: Bool = false, groups: Groups? = nil,
        isContinuous: Bool? = nil, isContinuousByDefault: Bool = false
    ) {
        self.name = name
        self.fields = fields
        self.vmsAreGroups = vmsAreGroups
        self.groups = groups
        self.isContinuous = isContinuous
        self.isContinuousByDefault = isContinuous ?? isContinuousByDefault
    }

    /// What any constraint may bear.
    package static let commonFields = ["type", "id", "continuous", "weight"]

    /// Every type, in the order of the documentation. `preserve` and `overbook` bind as load does: at every instant for
    /// memory, at the end for the rest.
    package static let all = [
        ConstraintFormat(Spread.typeName, [.vms]),
        ConstraintFormat(Gather.typeName, [.vms]),
        ConstraintFormat(Fence.typeName, [.vms, .nodes], isContinuousByDefault: true),
        ConstraintFormat(Ban.typeName, [.vms, .nodes], isContinuousByDefault: true),
        ConstraintFormat(Among.typeName, [.vms, .groups], groups: .nodes),
        ConstraintFormat(Split.typeName, [.groups], groups: .vms),
        ConstraintFormat(SplitAmong.typeName, [.vms, .groups], vmsAreGroups: true, groups: .nodes),
        ConstraintFormat(Lonely.typeName, [.vms]),
        ConstraintFormat(Quarantine.typeName, [.nodes], isContinuous: true),
        ConstraintFormat(Root.typeName, [.vms], isContinuous: true),
        ConstraintFormat(MaxOnline.typeName, [.nodes, .limit]),
        ConstraintFormat(RunningCapacity.typeName, [.nodes, .limit]),
        ConstraintFormat(Preserve.typeName, [.vms, .resource, .limit]),
        ConstraintFormat(Overbook.typeName, [.nodes, .resource, .ratioPercent]),
    ]

    package static func named(_ name: String) -> ConstraintFormat? { self.all.first { $0.name == name } }
}

extension Resource {
    /// The key of its amounts in a snapshot.
    package var key: String {
        switch self {
        case .cpu: "cpu_millicores"
        case .memory: "memory_mib"
        case .disk: "disk_kib_s"
        case .network: "net_kib_s"
        }
    }

    /// The short word that is understood where no amount is meant: for percentages and in constraints.
    package var shortKey: String {
        switch self {
        case .cpu: "cpu"
        case .memory: "memory"
        case .disk: "disk"
        case .network: "net"
        }
    }

    package static func named(_ word: String) -> Resource? {
        self.allCases.first { $0.key == word || $0.shortKey == word }
    }
}

extension NodeState {
    /// What it is called in a snapshot.
    package var word: String {
        switch self {
        case .active: "active"
        case .draining: "draining"
        case .offline: "offline"
        }
    }
}
