import Basis
import ClusterActors
import Logging
import Transport

/// Where each member's transport is: at first by the ring config, then by what membership learns of who joins or moves.
struct MemberAddresses: MemberObserver {
    let table: AddressTable
    let log: Logger

    init(_ config: RingConfig, log: Logger) {
        self.table = AddressTable()
        self.log = log
        for member in config.members { self.learn(member) }
    }

    func memberChanged(_ member: MemberDescription, to state: MemberState) {
        self.learn(member)
    }

    func learn(_ member: MemberDescription) {
        guard let address = PeerAddress(member.address) else {
            self.log.warning(
                "a member's address cannot be read",
                metadata: ["member": "\(member.id)", "address": "\(member.address)"])
            return
        }
        self.table.set(address, of: member.id)
    }
}
