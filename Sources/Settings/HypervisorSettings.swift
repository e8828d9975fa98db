package import Placement

/// Which hypervisor the node has.
package enum HypervisorSettings: Hashable, Sendable {
    /// A modelled host, served over the UNIX socket at `socket`.
    case modelled(socket: String)
    case libvirt(LibvirtSettings)
}

/// How libvirt is reached, and what it may be asked for.
package struct LibvirtSettings: Hashable, Sendable {
    /// Where this node's libvirt is.
    package var uri: String
    /// Where other nodes reach it, for migrations and for questions about a guest.
    package var migrationURI: String
    /// What the node has, where libvirt cannot know it; nil: ask libvirt.
    package var capacity: Resources?
    /// Folders that every node of the ring has mounted: a disk below one of them does not keep a guest from migrating.
    package var sharedStorage: [String]
    /// Folders that every node has of its own, each with a storage pool: a disk image there is sent along.
    package var copiedStorage: [String]
    /// Whether the memory stream of a migration is encrypted.
    package var tls: Bool
}
