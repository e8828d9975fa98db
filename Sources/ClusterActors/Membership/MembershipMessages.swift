package import Basis

/// What members tell each other about members (SWIM, DSN 2002; Lifeguard, arXiv:1707.00788).
package enum MembershipMessage: Hashable, Sendable {
    /// Are you there? Carries gossip both ways.
    case probe(gossip: [MemberUpdate])
    /// Probe `target` for me, because I cannot reach it.
    case probeRequest(target: NodeID, gossip: [MemberUpdate])
    /// What the sender knows beyond its ring config, from one that starts, joins, or comes back from a network split,
    /// and now and then from everybody. `ring` is the ``RingConfig/digest`` of the sender: one who has the same config
    /// answers with what differs from it, another with every member.
    case exchange(updates: [MemberUpdate], ring: UInt64)

    /// How many updates one message may carry.
    package static let updatesMax = 8_192
}

package enum MembershipReply: Hashable, Sendable {
    case alive(gossip: [MemberUpdate])
    case targetAlive(gossip: [MemberUpdate])
    case targetSilent(gossip: [MemberUpdate])
    case exchange(updates: [MemberUpdate])

    /// What the reply says about members, whatever it answers.
    package var updates: [MemberUpdate] {
        switch self {
        case .alive(let gossip), .targetAlive(let gossip), .targetSilent(let gossip): gossip
        case .exchange(let updates): updates
        }
    }
}

/// One fact about one member. Of two facts the one with the higher incarnation holds; of equal incarnations the
/// later case of ``MemberState``.
package struct MemberUpdate: Hashable, Sendable {
    package var member: MemberDescription
    package var state: MemberState
    package var incarnation: UInt64
    /// Of a suspicion: who found the member silent. Accusations of different members confirm each other.
    package var accuser: NodeID?

    package init(member: MemberDescription, state: MemberState, incarnation: UInt64, accuser: NodeID? = nil) {
        self.member = member
        self.state = state
        self.incarnation = incarnation
        self.accuser = accuser
    }
}

/// A member as everybody must know it to reach it and to place it on the ring.
package struct MemberDescription: Hashable, Sendable {
    package var id: NodeID
    /// host:port of its transport, at most ``addressBytesMax`` bytes.
    package var address: String
    /// At most ``placeBytesMax`` bytes.
    package var site: String
    /// At most ``placeBytesMax`` bytes.
    package var rack: String

    /// The longest address: a DNS name (RFC 1035 §2.3.4: 255), a colon, a port.
    package static let addressBytesMax = 261
    package static let placeBytesMax = 63

    package init(id: NodeID, address: String, site: String, rack: String) {
        self.id = id
        self.address = address
        self.site = site
        self.rack = rack
    }
}

package enum MemberState: UInt8, Hashable, Comparable, Sendable, CaseIterable {
    case alive = 1
    case suspect = 2
    /// Confirmed silent: out of the ring until it refutes with a higher incarnation.
    case dead = 3
    /// It said goodbye; out of the ring until it joins again with a higher incarnation.
    case left = 4

    package static func < (left: MemberState, right: MemberState) -> Bool { left.rawValue < right.rawValue }

    /// Whether the member is part of the ring: a suspect is, until it is confirmed silent.
    package var isLive: Bool {
        switch self {
        case .alive, .suspect: true
        case .dead, .left: false
        }
    }
}
