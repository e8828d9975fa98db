import Basis
package import Settings

/// What the other guests of a network know a guest by. It stays with the guest wherever it runs.
package struct GuestIdentity: Hashable, Sendable {
    package var name: String
    /// Of the guest within its deployment, from 0; never given twice.
    package var ordinal: Int
    package var address: IPv4Address
    package var mac: MACAddress

    package init(name: String, ordinal: Int, address: IPv4Address, mac: MACAddress) {
        self.name = name
        self.ordinal = ordinal
        self.address = address
        self.mac = mac
    }
}

/// The identities that guests have already.
package struct TakenIdentities: Hashable, Sendable {
    /// The deployment of each name.
    package var names: [String: String]
    package var addresses: Set<IPv4Address>
    package var macs: Set<UInt64>

    package init(names: [String: String] = [:], addresses: Set<IPv4Address> = [], macs: Set<UInt64> = []) {
        self.names = names
        self.addresses = addresses
        self.macs = macs
    }
}

/// Gives guests their identities: the same ones for the same fleet and the same guests around it.
package enum IdentityAssignment {
    /// - Parameters:
    ///   - names: of the new guests, in their order.
    ///   - fleet: the deployment's name.
    ///   - firstOrdinal: beyond those of all guests that the deployment has or had.
    ///   - taken: by all deployments, this one included.
    package static func identities(
        for names: [String], fleet: String, firstOrdinal: Int, pool: AddressPool, taken: TakenIdentities
    ) throws(AddressingError) -> [GuestIdentity] {
        for name in names {
            if let deployment = taken.names[name] { throw .nameInUse(name: name, deployment: deployment) }
        }
        let addresses = try pool.free(names.count, besides: taken.addresses)
        var identities: [GuestIdentity] = []
        identities.reserveCapacity(names.count)
        for (index, name) in names.enumerated() {
            let ordinal = firstOrdinal + index
            let mac = try Self.mac(fleet: fleet, ordinal: ordinal, besides: taken.macs)
            identities.append(
                GuestIdentity(name: name, ordinal: ordinal, address: addresses[index], mac: mac))
        }
        return identities
    }

    /// `02` (IEEE 802: locally administered), 16 bits of the fleet, 24 bits of the guest.
    private static func mac(
        fleet: String, ordinal: Int, besides taken: Set<UInt64>
    ) throws(AddressingError) -> MACAddress {
        precondition((0..<1 << 24).contains(ordinal), "a deployment has had fewer than 2^24 guests")
        let hash = StableHash(of: fleet).folded
        for attempt in 0..<(1 << 16) as Range<UInt64> {
            let prefix = (hash &+ attempt) & 0xFFFF
            let bits = 0x02 << 40 | prefix << 24 | UInt64(ordinal)
            if !taken.contains(bits) { return MACAddress(bits: bits) }
        }
        throw .noEthernetAddress(fleet: fleet)
    }
}
