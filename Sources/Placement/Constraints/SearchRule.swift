package import Basis

/// The primitives that the solver's search understands. Closed: each has its own propagation; a new kind of constraint
/// is said with these or adds one. Whether they bind at every instant, the constraint says.
package enum SearchRule: Hashable, Sendable {
    /// These VMs stand on these nodes only.
    case confined(vms: [VMID], to: [NodeID])
    /// These VMs stand on none of these nodes.
    case excluded(vms: [VMID], from: [NodeID])
    /// These VMs are not moved.
    case rooted(vms: [VMID])
    /// No VM enters or leaves these nodes.
    case sealed(nodes: [NodeID])
    /// Which VMs may share which places.
    case presence(PresenceRule)
    /// The nodes of these VMs host no others.
    case alone(vms: [VMID])
    /// At most `limit` of these nodes host VMs.
    case onlineAtMost(Int, of: [NodeID])
    /// At most `limit` VMs are on these nodes together.
    case hostedAtMost(Int, on: [NodeID])
    /// The demand of these VMs for a resource counts as at least `amount`.
    case demandAtLeast(Int, Resource, of: [VMID])
    /// The demand for a resource on each of these nodes is at most this percentage of capacity − reserved.
    case bookedAtMost(percent: Int, Resource, on: [NodeID])
}

/// VMs in classes, nodes in places, and what of these may be together.
package struct PresenceRule: Hashable, Sendable {
    /// Each VM belongs to the first class that lists it.
    package var classes: [[VMID]]
    /// Each node belongs to the first place that lists it, and the VMs may not stand where there is no place; nil when
    /// every node is a place of its own.
    package var places: [[NodeID]]?
    /// A place too many is a breach for a class that is in several.
    package var onePlacePerClass: Bool
    /// A class too many is a breach for a place that has several.
    package var oneClassPerPlace: Bool
}
