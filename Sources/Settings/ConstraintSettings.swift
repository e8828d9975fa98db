package import Basis
package import Placement

/// A rule about where VMs may be, in the vocabulary of BtrPlace. Each list is in the file's order, without doubles.
package enum ConstraintSettings: Hashable, Sendable {
    /// No two of them on one node; at least two.
    case spread([VMID])
    /// All of them on one node; at least two.
    case gather([VMID])
    /// Only on these nodes.
    case fence(vms: [VMID], nodes: [NodeID])
    /// Never on these nodes.
    case ban(vms: [VMID], nodes: [NodeID])
    /// They stay where they are.
    case root([VMID])
}
