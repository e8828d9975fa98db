package import Settings

/// One thing that guests need of their host.
package enum PreparationStep: String, Hashable, Sendable, CaseIterable {
    /// The packages that run guests, make networks and give addresses are installed.
    case packages
    /// libvirt runs, and under a host UUID of its own: two hosts with the same one cannot migrate to each other.
    case hypervisor
    /// The folder for images and disks of the deployment is there, as a storage pool.
    case storage
}

/// The deployment's network on one host: a bridge that its guests are plugged into.
package struct HostNetwork: Hashable, Sendable {
    /// Of the bridge; at most 15 bytes (Linux `IFNAMSIZ` with its zero).
    package var name: String
    package var subnet: IPv4Subnet
    /// The host's end of the bridge: the same address on every host.
    package var gateway: IPv4Address
    /// The DNS domain of the guests.
    package var domain: String
    package var isolation: Isolation

    package enum Isolation: Hashable, Sendable {
        /// Guests share what the host is plugged into.
        case none
        /// An overlay of the deployment's own (RFC 7348).
        ///
        /// - Parameters:
        ///   - identifier: of 24 bits, not 0.
        ///   - peers: addresses of all hosts of the deployment, its spares and this one included, sorted.
        case vxlan(identifier: Int, peers: [String])
    }

    package init(name: String, subnet: IPv4Subnet, gateway: IPv4Address, domain: String, isolation: Isolation) {
        self.name = name
        self.subnet = subnet
        self.gateway = gateway
        self.domain = domain
        self.isolation = isolation
    }
}

/// A guest by its name in the network.
package struct GuestName: Hashable, Sendable {
    package var name: String
    package var address: IPv4Address

    package init(name: String, address: IPv4Address) {
        self.name = name
        self.address = address
    }
}

/// A disk image that guests boot from.
package struct ImageReference: Hashable, Sendable {
    /// What it is called on hosts: letters, digits, `.`, `_` and `-`.
    package var name: String
    /// The file on the deployer's machine.
    package var file: String
    /// In hexadecimal, lower case; nil: whatever is in the file.
    package var sha256: String?

    package init(name: String, file: String, sha256: String?) {
        self.name = name
        self.file = file
        self.sha256 = sha256
    }

    /// Whether both may be one image: a digest that one of them does not know is no difference.
    func agrees(with other: ImageReference) -> Bool {
        let isOneContent = self.sha256 == nil || other.sha256 == nil || self.sha256 == other.sha256
        return self.name == other.name && self.file == other.file && isOneContent
    }
}

/// A guest as its host is to run it.
package struct GuestDefinition: Hashable, Sendable {
    /// 1 to 63 characters out of `a-z 0-9 -`: it is also the guest's host name.
    package var name: String
    package var vcpus: Int
    package var memoryMiB: Int
    package var diskGiB: Int
    package var address: IPv4Address
    package var mac: MACAddress
    package var network: HostNetwork
    package var image: ImageReference

    package init(
        name: String, vcpus: Int, memoryMiB: Int, diskGiB: Int, address: IPv4Address, mac: MACAddress,
        network: HostNetwork, image: ImageReference
    ) {
        self.name = name
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
        self.address = address
        self.mac = mac
        self.network = network
        self.image = image
    }
}

/// What the host's hypervisor says of a guest.
package enum GuestState: Hashable, Sendable {
    case absent
    case running
    /// Defined, and not running: never started, shut down, or crashed.
    case stopped
}
