package import Basis
package import Hypervisor
package import Placement

/// What one agent asks another (PROTOCOL.md §3 and the membership of `Membership/`). Every request has an answer in
/// every state, and may be sent again unchanged: the second has no further effect.
package enum Request: Hashable, Sendable {
    // Initiator to node.
    case reserve(isp: ISPID, key: ISPKey, hops: UInt32)
    case renew(Token, firstOut: NodeID?, wantSnapshot: Bool)
    case release(Token)
    case migrate(MigrateOrder)
    // Node to initiator.
    case actionDone(ActionID, ActionResult)
    // Source to destination.
    case incoming(IncomingOrder)
    case handover(ActionID, vm: VMID, HandoverPhase)
    // Agent to agent.
    case wait(isp: ISPID, key: ISPKey, on: ISPID, holding: Bool)
    case ended(ISPID)
    case membership(MembershipMessage)
}

/// The answer to a ``Request``.
package enum Reply: Hashable, Sendable {
    case reserve(ReserveReply)
    case renew(RenewReply)
    case released
    case migrate(MigrateReply)
    case noted
    case incoming(IncomingReply)
    case handover(HandoverPhase)
    case wait(WaitReply)
    case membership(MembershipReply)
    /// The agent is stopping and will not look at anything any more.
    case stopping
}

package enum ReserveReply: Hashable, Sendable {
    /// `lease` runs from when the grant was made. `successor` is the granted node's next live node clockwise.
    case granted(Grant)
    /// Somebody else has the node; `firstOut` is where that partition ends, as its initiator last said.
    case held(by: ISPID, firstOut: NodeID?)
    /// This very ISP released the node while a flight was under way there, and it has not ended.
    case busy
    case refused(ReserveRefusal)
}

package struct Grant: Hashable, Sendable {
    package var epoch: Epoch
    package var lease: Duration
    package var revision: Revision
    package var snapshot: NodeSnapshot
    package var successor: NodeID?

    package init(epoch: Epoch, lease: Duration, revision: Revision, snapshot: NodeSnapshot, successor: NodeID?) {
        self.epoch = epoch
        self.lease = lease
        self.revision = revision
        self.snapshot = snapshot
        self.successor = successor
    }
}

package enum ReserveRefusal: UInt8, Hashable, Sendable, CaseIterable {
    case recovering = 1
    case leaving = 2
    case maintenance = 3
    /// The hypervisor does not answer, so the node cannot say what it hosts.
    case hypervisorAway = 4
}

package enum RenewReply: Hashable, Sendable {
    case renewed(revision: Revision, flights: UInt32, snapshot: NodeSnapshot?)
    case stale
}

/// `vm` is to leave the node that is asked for `destination`, under the grants of both.
package struct MigrateOrder: Hashable, Sendable {
    package var token: Token
    package var action: ActionID
    package var vm: VMID
    package var destination: NodeID
    package var destinationEpoch: Epoch

    package init(token: Token, action: ActionID, vm: VMID, destination: NodeID, destinationEpoch: Epoch) {
        self.token = token
        self.action = action
        self.vm = vm
        self.destination = destination
        self.destinationEpoch = destinationEpoch
    }
}

package enum MigrateReply: Hashable, Sendable {
    case accepted
    case running(MigrationProgress?)
    case done(ActionResult)
    /// The per-node limit of flights is reached; ask again.
    case busy
    case refused(reason: String)
    case stale
}

/// How an action ended. After `failed` the VM is where it was.
package enum ActionResult: Hashable, Sendable {
    case moved
    case failed(reason: String)
    /// Nobody can say yet where the VM runs; it must not be touched by anybody (PROTOCOL.md §9).
    case inDoubt(reason: String)
}

/// `vm` asks to flow into the node that is asked, under that node's grant to `token.isp`.
package struct IncomingOrder: Hashable, Sendable {
    package var token: Token
    package var action: ActionID
    package var vm: VMID
    package var source: NodeID
    package var sourceEndpoint: MigrationEndpoint
    package var needs: Resources
    /// Opaque to the agents: what the destination's driver compares with its host (libvirt: the guest's CPU).
    package var cpuRequirement: String
    /// How long the source lets the flight last; the destination adds T5's allowance.
    package var flightTimeout: Duration
    /// Where the guest was before, oldest first, at most ``MoveHistory/pastMovesMax``.
    package var pastMoves: [PastMove]

    package init(
        token: Token, action: ActionID, vm: VMID, source: NodeID, sourceEndpoint: MigrationEndpoint, needs: Resources,
        cpuRequirement: String, flightTimeout: Duration, pastMoves: [PastMove] = []
    ) {
        self.token = token
        self.action = action
        self.vm = vm
        self.source = source
        self.sourceEndpoint = sourceEndpoint
        self.needs = needs
        self.cpuRequirement = cpuRequirement
        self.flightTimeout = flightTimeout
        self.pastMoves = pastMoves
    }
}

/// A move of a guest in the past, as it is told to others: by age, because clocks of two nodes mean nothing to each other.
package struct PastMove: Hashable, Sendable {
    package var from: NodeID
    package var age: Duration

    package init(from: NodeID, age: Duration) {
        self.from = from
        self.age = age
    }
}

package enum IncomingReply: Hashable, Sendable {
    case ready(ticket: UInt64, endpoint: MigrationEndpoint)
    case done(ActionResult)
    case busy
    case refused(reason: String)
    case stale
}

/// Where one side of a handover stands, as its journal says.
package enum HandoverPhase: UInt8, Hashable, Sendable, CaseIterable {
    /// This side knows nothing of the action.
    case unknown = 1
    /// The copy is under way.
    case copying = 2
    /// Destination: the guest is here, paused.
    case arrived = 3
    /// Source: decided, for ever, that the destination's copy is the guest.
    case letGo = 4
    /// Source: decided, for ever, that the source's copy is the guest.
    case aborted = 5
    /// Destination: the guest runs here.
    case resumed = 6
    /// Destination: its copy is gone.
    case dropped = 7
}

package enum WaitReply: Hashable, Sendable {
    case ended
    case wait
    case yield
}

/// What a node shows to the ISP that reserved it.
package struct NodeSnapshot: Hashable, Sendable {
    package var node: Node
    /// In the order of their ids; a VM in doubt is here, rooted, so that its demand counts.
    package var vms: [VirtualMachine]
    package var thresholds: LoadThresholds
    /// How old the sample is, by the node's own clock.
    package var age: Duration
    /// Where guests of this node may not go back to for now.
    package var returnBans: [ReturnBan]

    package init(
        node: Node, vms: [VirtualMachine], thresholds: LoadThresholds, age: Duration, returnBans: [ReturnBan] = []
    ) {
        self.node = node
        self.vms = vms
        self.thresholds = thresholds
        self.age = age
        self.returnBans = returnBans
    }

    /// How many VMs one node may show; more would not fit into a frame.
    package static let vmsMax = 2_048
    /// How many bans one node may show; the local check at the source knows the rest.
    package static let returnBansMax = 2_048
}

/// `vm` came from `node` so recently that a move back would be ping-pong.
package struct ReturnBan: Hashable, Sendable {
    package var vm: VMID
    package var node: NodeID

    package init(vm: VMID, node: NodeID) {
        self.vm = vm
        self.node = node
    }
}
