package import Settings

/// The addresses that guests of one subnet may have: all but the network's own, the broadcast address and the gateway.
package struct AddressPool: Hashable, Sendable {
    package let subnet: IPv4Subnet

    package init(_ subnet: IPv4Subnet) {
        self.subnet = subnet
    }

    /// The hosts' end of the network: the first address behind the network's own.
    package var gateway: IPv4Address { IPv4Address(bits: self.subnet.network.bits &+ 1) }

    /// How many guests the subnet holds.
    package var capacity: Int { max(0, Int(self.subnet.addressCount) - Self.setApart) }

    /// Network, gateway and broadcast.
    private static let setApart = 3

    /// The lowest `count` addresses that nobody has.
    ///
    /// - Throws: ``AddressingError/poolTooSmall(subnet:needed:free:)``.
    package func free(_ count: Int, besides taken: Set<IPv4Address>) throws(AddressingError) -> [IPv4Address] {
        var free: [IPv4Address] = []
        free.reserveCapacity(count)
        var next = UInt64(self.subnet.network.bits) + 2
        let end = UInt64(self.subnet.network.bits) + self.subnet.addressCount - 1
        while free.count < count, next < end {
            let address = IPv4Address(bits: UInt32(next))
            if !taken.contains(address) { free.append(address) }
            next += 1
        }
        guard free.count == count else {
            throw .poolTooSmall(subnet: self.subnet, needed: count, free: free.count)
        }
        return free
    }
}

/// Why guests get no names and addresses.
package enum AddressingError: Error, Hashable, Sendable, CustomStringConvertible {
    case poolTooSmall(subnet: IPv4Subnet, needed: Int, free: Int)
    /// Another deployment of the same state folder has the name.
    case nameInUse(name: String, deployment: String)
    /// As many fleets as there are prefixes for Ethernet addresses have one.
    case noEthernetAddress(fleet: String)

    package var description: String {
        switch self {
        case .poolTooSmall(let subnet, let needed, let free):
            "\(subnet) is too small: \(needed) more addresses are needed and \(free) are free, network, gateway and "
                + "broadcast address set apart; choose a subnet with a shorter prefix"
        case .nameInUse(let name, let deployment):
            "the name \(name) belongs to a VM of the deployment \(deployment); choose another, or destroy that one"
        case .noEthernetAddress(let fleet):
            "no prefix for Ethernet addresses is left for \(fleet); destroy a deployment that is no longer used"
        }
    }
}
