package import Basis
package import ClusterActors
package import Logging
package import Transport

/// Where each member's transport is: at first by the ring config, then by what membership learns of who joins or moves.
package struct MemberAddresses: Sendable {
    package let table: AddressTable
    private let log: Logger

    package init(_ config: RingConfig, log: Logger) {
        self.table = AddressTable()
        self.log = log
        for member in config.members { self.learn(member) }
    }

    package func learn(_ member: MemberDescription) {
        guard let address = PeerAddress(member.address) else {
            self.log.warning(
                "a member's address cannot be read",
                metadata: ["member": "\(member.id)", "address": "\(member.address)"])
            return
        }
        self.table.set(address, of: member.id)
    }
}

/// Has the transport know of the members what membership knows.
///
/// Told on the executor of the transport, which the agent shares.
package struct MemberPeers: MemberObserver {
    private let addresses: MemberAddresses
    private let transport: TCPTransport

    package init(_ addresses: MemberAddresses, _ transport: TCPTransport) {
        self.addresses = addresses
        self.transport = transport
    }

    package func memberChanged(_ member: MemberDescription, to state: MemberState) {
        self.addresses.learn(member)
    }

    package func memberForgotten(_ member: NodeID) {
        self.addresses.table.set(nil, of: member)
        self.transport.assumeIsolated { $0.forget(member) }
    }
}
