package import Basis
package import ClusterActors

/// What must hold in every run of the protocol, whatever happens to agents, messages and hypervisors (PROTOCOL.md §11, `docs/protocol.md`).
package enum Invariant: String, Hashable, Sendable, CaseIterable {
    /// A node has at most one holder; data of a migration flow only between two nodes that are both executing it, under
    /// the epochs that it named.
    case oneHolder = "P1"
    /// No command is obeyed under a token that is not the node's current one; an action is carried out at most once.
    case currentToken = "P2"
    /// A release ends only the grant that it names; a repeated request changes nothing further.
    case releaseNamesGrant = "P3"
    /// Without a lapse, no two executing ISPs count the same node as a member.
    case belief = "P4"
    /// Every ISP ends, with exactly one outcome.
    case oneOutcome = "P5"
    /// Of ISPs that block each other, the one with the first key never yields.
    case firstKeyStays = "P6"
    /// Every reservation ends soon after its ISP is over or its initiator dead.
    case reservationEnds = "P7"
    /// A blocked ISP goes on or ends after any ISP that it met ends.
    case blockedGoesOn = "P8"
    /// A sweep asks each node at most once.
    case sweepAsksOnce = "P9"
    /// Never two running copies of a guest, and never no copy.
    case oneGuest = "P10"
    /// "Unsolvable" is said only if no node was skipped because it was held.
    case unsolvable = "P11"
    /// An ISP takes no more messages than promised.
    case messagesBounded = "P12"
    /// When nothing goes wrong any more, all agents come to see all nodes alive.
    case viewsConverge = "P13"
    /// No queue of an agent or of its transport grows beyond its bound.
    case queuesBounded = "P14"
}

/// An invariant that did not hold, as its checker sees it.
package struct Breach: Hashable, Sendable {
    package var invariant: Invariant
    package var node: NodeID?
    package var isp: ISPID?
    package var what: String

    package init(_ invariant: Invariant, node: NodeID? = nil, isp: ISPID? = nil, _ what: String) {
        self.invariant = invariant
        self.node = node
        self.isp = isp
        self.what = what
    }
}

/// Judges one invariant by what is seen from outside of the agents. Shares no code with what it judges.
package protocol InvariantChecker: Sendable {
    /// Takes in what was seen, in the order in which it happened.
    mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach]

    /// The run is over, and its end was calm for longer than anything that was begun before may last.
    mutating func conclude(at now: MonotonicInstant) -> [Breach]
}

extension InvariantChecker {
    package mutating func conclude(at now: MonotonicInstant) -> [Breach] { [] }
}

/// How long things may last, by the settings of the agents that are judged.
package struct InvariantBounds: Hashable, Sendable {
    package var timings: ProtocolTimings
    package var sampleInterval: Duration
    /// The longest time for which one call of a hypervisor, or of a store, is held up on purpose.
    package var stallMax: Duration
    /// How often an ISP plans anew after a failed migration.
    package var replansMax: Int
    /// How many guests may arrive at a node at once, and how many leave it.
    package var incomingMax: Int
    package var outgoingMax: Int

    package init(
        timings: ProtocolTimings, sampleInterval: Duration, stallMax: Duration, replansMax: Int, incomingMax: Int,
        outgoingMax: Int
    ) {
        self.timings = timings
        self.sampleInterval = sampleInterval
        self.stallMax = stallMax
        self.replansMax = replansMax
        self.incomingMax = incomingMax
        self.outgoingMax = outgoingMax
    }

    /// A lease by the slowest clock.
    var leaseMax: Duration {
        self.timings.lease + self.timings.lease * (2 * self.timings.clockDriftPartsPerMillion) / 1_000_000
    }

    /// How late an agent that runs may notice that a lease has ended, when nobody asks: its next look at the load, with
    /// all calls that come before.
    var noticeMax: Duration {
        self.sampleInterval + self.stallMax * 4 + self.timings.requestTimeout * 3
    }

    /// How long a flight may last when nothing goes wrong any more: the copy, the wait for the truth, telling it.
    var flightMax: Duration {
        self.timings.flightTimeoutMin * 2 + self.leaseMax * 3 + self.noticeMax
    }
}
