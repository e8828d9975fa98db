/// What a daemon is.
package struct ControlVersion: Hashable, Sendable, Codable {
    /// Name and version, as `dvmsd 0.1.0`.
    package var product: String
    /// The versions of the control protocol that it speaks.
    package var protocolMin: Int
    package var protocolMax: Int
    package var node: String
    package var cluster: String

    package init(product: String, protocolMin: Int, protocolMax: Int, node: String, cluster: String) {
        self.product = product
        self.protocolMin = protocolMin
        self.protocolMax = protocolMax
        self.node = node
        self.cluster = cluster
    }

    private enum CodingKeys: String, CodingKey {
        case product
        case protocolMin = "protocol_min"
        case protocolMax = "protocol_max"
        case node, cluster
    }
}

/// That something was done, where there is no more to say.
package struct ControlDone: Hashable, Sendable, Codable {
    package init() {}
}

/// Which ISP carries out a recommended plan.
package struct ControlApplied: Hashable, Sendable, Codable {
    package var isp: String

    package init(isp: String) {
        self.isp = isp
    }
}

/// An amount of each resource.
package struct ControlResources: Hashable, Sendable, Codable {
    package var cpuMillicores: Int
    package var memoryMiB: Int
    /// In a capacity, 0 means that it is not limited; likewise of the network.
    package var diskKiBPerSecond: Int
    package var networkKiBPerSecond: Int

    package init(cpuMillicores: Int, memoryMiB: Int, diskKiBPerSecond: Int, networkKiBPerSecond: Int) {
        self.cpuMillicores = cpuMillicores
        self.memoryMiB = memoryMiB
        self.diskKiBPerSecond = diskKiBPerSecond
        self.networkKiBPerSecond = networkKiBPerSecond
    }

    private enum CodingKeys: String, CodingKey {
        case cpuMillicores = "cpu_millicores"
        case memoryMiB = "memory_mib"
        case diskKiBPerSecond = "disk_kib_s"
        case networkKiBPerSecond = "net_kib_s"
    }
}

/// The ring as one node sees it.
package struct ControlRing: Hashable, Sendable, Codable {
    /// Clockwise.
    package var members: [ControlMember]

    package init(members: [ControlMember]) {
        self.members = members
    }
}

/// One member of the ring.
package struct ControlMember: Hashable, Sendable, Codable {
    package var node: String
    /// `host:port`.
    package var address: String
    /// Empty where the config says nothing; likewise the rack.
    package var site: String
    package var rack: String
    /// `alive`, `suspect`, `dead` or `left`.
    package var state: String
    package var incarnation: UInt64
    /// Whether it is the node that was asked.
    package var isSelf: Bool

    package init(
        node: String, address: String, site: String, rack: String, state: String, incarnation: UInt64, isSelf: Bool
    ) {
        self.node = node
        self.address = address
        self.site = site
        self.rack = rack
        self.state = state
        self.incarnation = incarnation
        self.isSelf = isSelf
    }

    private enum CodingKeys: String, CodingKey {
        case node, address, site, rack, state, incarnation
        case isSelf = "self"
    }
}
