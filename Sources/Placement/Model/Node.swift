package import Basis

/// What the solver knows of a node.
package struct Node: Hashable, Sendable {
    package var id: NodeID
    /// What the machine has.
    package var capacity: Resources
    /// What is kept back from VMs, for the host itself.
    package var reserved: Resources
    /// How much of each resource VMs are promised, in percent of capacity − reserved; above 100 more than there is.
    package var overcommitPercent: ResourcePercents
    package var state: NodeState
    package var site: String
    package var rack: String
    /// Speed of its migration link, in Mbit/s.
    package var linkMbps: Int

    package init(
        id: NodeID, capacity: Resources, reserved: Resources = .zero,
        overcommitPercent: ResourcePercents = .whole, state: NodeState = .active,
        site: String = "", rack: String = "", linkMbps: Int = 1_000
    ) {
        self.id = id
        self.capacity = capacity
        self.reserved = reserved
        self.overcommitPercent = overcommitPercent
        self.state = state
        self.site = site
        self.rack = rack
        self.linkMbps = linkMbps
    }
}

/// Whether a node may host VMs.
package enum NodeState: UInt8, Hashable, Sendable, CaseIterable {
    /// Hosts VMs and takes more.
    case active = 1
    /// Its VMs should leave; it takes none.
    case draining = 2
    /// Cannot be reached or is not to be used; takes none, and its VMs cannot be moved.
    case offline = 3
}

/// When a load is too much or too little, in percent of what a node can give.
///
/// Overloaded ⇔ load × 100 > overloadPercent × usable; underloaded ⇔ load × 100 < underloadPercent × usable, usable
/// being (capacity − reserved) × overcommit ÷ 100. Strictly, and per resource. Source: the DVMS paper §4.1 names the two events; the numbers
/// are the operator's.
package struct LoadThresholds: Hashable, Sendable {
    package var overloadPercent: Int
    package var underloadPercent: Int

    package init(overloadPercent: Int = 100, underloadPercent: Int = 0) {
        self.overloadPercent = overloadPercent
        self.underloadPercent = underloadPercent
    }
}
