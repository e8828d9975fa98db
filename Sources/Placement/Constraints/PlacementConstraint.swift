package import Basis

/// Something that must hold of a mapping besides that no node is overloaded.
///
/// A constraint is told twice, on purpose: ``breaches(in:from:)`` is its plain meaning, by which mappings and plans are
/// judged; ``searchRules`` is what the solver prunes with. Tests hold one against the other. VMs and nodes that it
/// names and that the problem does not have are left out of account.
package protocol PlacementConstraint: Hashable, Sendable, CustomStringConvertible {
    /// The VMs that it names.
    var vms: [VMID] { get }

    /// What is broken in `mapping`, when `first` is where the VMs were before the plan. Empty when it holds.
    func breaches(in mapping: Mapping, from first: Mapping) -> [ConstraintBreach]

    /// Whether `vm` may be moved to `node` at all, be it on its way to another. Holds at every instant of a plan.
    func admits(_ vm: VMID, on node: NodeID) -> Bool

    /// The same meaning in terms of the solver.
    var searchRules: [SearchRule] { get }
}

/// One way in which a constraint does not hold. Each counts for one broken constraint.
package struct ConstraintBreach: Hashable, Sendable, CustomStringConvertible {
    /// The constraint, in words.
    package var constraint: String
    /// Of these at least one must go elsewhere, in the order of their ids.
    package var vms: [VMID]

    package init(constraint: String, vms: [VMID]) {
        self.constraint = constraint
        self.vms = vms
    }

    package var description: String {
        "\(self.constraint) is broken by \(self.vms.map(\.name).joined(separator: ", "))"
    }
}

/// The primitives that the solver's search understands. Closed: each is one `switch` case in the search, with its own
/// propagation; a new kind of constraint is said with these or adds one.
package enum SearchRule: Hashable, Sendable {
    /// These VMs stand on these nodes only.
    case confined(vms: [VMID], to: [NodeID])
    /// These VMs stand on none of these nodes.
    case excluded(vms: [VMID], from: [NodeID])
    /// These VMs are not moved.
    case rooted(vms: [VMID])
    /// No two of these VMs share a node when the plan is done.
    case apart(vms: [VMID])
    /// All of these VMs share a node when the plan is done.
    case together(vms: [VMID])
}

/// The names of a list of VMs or nodes, for descriptions.
func listed(_ names: some Sequence<some CustomStringConvertible>) -> String {
    names.map(\.description).joined(separator: ", ")
}
