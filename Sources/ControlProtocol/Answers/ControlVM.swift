/// The guests of one node.
package struct ControlVMs: Hashable, Sendable, Codable {
    package var vms: [ControlVM]

    package init(vms: [ControlVM]) {
        self.vms = vms
    }
}

/// One guest.
package struct ControlVM: Hashable, Sendable, Codable {
    package var vm: String
    /// `running`, `paused_incoming` and so on: what the hypervisor has of it.
    package var presence: String
    /// What it wants, not what it gets.
    package var demand: ControlResources
    /// How fast it writes to its memory.
    package var dirtyMiBPerSecond: Int
    package var isMigratable: Bool
    /// Why it cannot migrate.
    package var rootedBecause: String?
    /// For how long it stays where it is because it was moved.
    package var cooldownLeftMilliseconds: Int?
    package var inDoubt: ControlDoubt?

    package init(
        vm: String, presence: String, demand: ControlResources, dirtyMiBPerSecond: Int, isMigratable: Bool,
        rootedBecause: String? = nil, cooldownLeftMilliseconds: Int? = nil, inDoubt: ControlDoubt? = nil
    ) {
        self.vm = vm
        self.presence = presence
        self.demand = demand
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
        self.isMigratable = isMigratable
        self.rootedBecause = rootedBecause
        self.cooldownLeftMilliseconds = cooldownLeftMilliseconds
        self.inDoubt = inDoubt
    }

    private enum CodingKeys: String, CodingKey {
        case vm, presence, demand
        case dirtyMiBPerSecond = "dirty_mib_s"
        case isMigratable = "migratable"
        case rootedBecause = "rooted_because"
        case cooldownLeftMilliseconds = "cooldown_left_ms"
        case inDoubt = "in_doubt"
    }
}

/// Why it is not known whether a guest may run here: a handover whose other side cannot be asked (PROTOCOL.md §9).
package struct ControlDoubt: Hashable, Sendable, Codable {
    /// Which guest; nil where it stands beside the guest.
    package var vm: String?
    package var reason: String
    /// The node at the other end.
    package var peer: String
    /// What this node was: `source` or `destination`.
    package var role: String
    /// `node#boot.sequence/number`.
    package var action: String
    /// How far this side had come.
    package var phase: String
    /// For how long.
    package var sinceMilliseconds: Int

    package init(
        vm: String? = nil, reason: String, peer: String, role: String, action: String, phase: String,
        sinceMilliseconds: Int
    ) {
        self.vm = vm
        self.reason = reason
        self.peer = peer
        self.role = role
        self.action = action
        self.phase = phase
        self.sinceMilliseconds = sinceMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case vm, reason, peer, role, action, phase
        case sinceMilliseconds = "since_ms"
    }
}
