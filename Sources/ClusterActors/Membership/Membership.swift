package import Basis

/// One node's part in the failure detector and the gossip that keep its ``MembershipView`` up to date.
///
/// Source: SWIM (Das, Gupta, Motivala, DSN 2002) with the three parts of Lifeguard (Dadgar, Phillips, Currey,
/// arXiv:1707.00788): local health, suspicions that end sooner when others confirm them, and telling a suspect first.
/// Deviations: messages are requests with replies, so that no probe has a sequence number and a relay's "silent" is
/// Lifeguard's nack; `dead` has an incarnation and can be refuted; all members now and then exchange what they know
/// beyond the ring config; dead members are contacted now and then, which is how a network split heals.
///
///                 start, join                 leave                      last goodbye answered or timed out
///         idle ───────────────▶ active ────────────────▶ leaving ───────────────────────▶ departed
///           │                      ▲                                                        │  ▲
///           └──────── leave ───────┼────────────────────────────────────────────────────────┼──┘
///                                  └──────────────────────── join ──────────────────────────┘
///
/// In every state each message has an answer. The shell carries out the effects; for each ``Effect/send`` it must
/// hand in exactly one ``Event/replied`` or ``Event/failed``, by the time-out at the latest.
package struct Membership: Sendable {
    package private(set) var view: MembershipView
    /// This node, as the others know it.
    package let local: MemberDescription
    package let settings: MembershipSettings
    /// Of this node; grows when it must outrank what is said about it.
    package internal(set) var incarnation: UInt64

    var phase = Phase.idle
    var gossip = GossipQueue()
    var suspicions: [Suspicion] = []
    var health: LocalHealth
    var requests: [PendingRequest] = []
    /// Whether a member has answered an exchange since the start: until then this node may know nothing.
    var isIntroduced = false

    var round: ProbeRound?
    var roundsStarted: UInt64 = 0
    var probeOrder: ShuffledOrdinals
    /// Members that somebody found silent, to be probed next.
    var hints: [NodeID] = []

    var nextProbe = MonotonicInstant.distantFuture
    var nextExchange = MonotonicInstant.distantFuture
    var nextHeal = MonotonicInstant.distantFuture
    /// Members that are dead or left and not listed, in the order in which they went.
    var tombstones: [Tombstone] = []

    /// What the shell was last asked to wake this machine at.
    private var wakeAt: MonotonicInstant?
    /// What this turn asks for; empty between turns.
    private var outbox: [Effect] = []
    private var requestsMade: UInt64 = 0
    private var relaysMade: UInt64 = 0

    /// Whether the goodbyes are under way: until they are said, ``Event/join(seed:)`` is of no effect.
    package var isSayingGoodbye: Bool {
        if case .leaving = self.phase { true } else { false }
    }

    enum Phase: Hashable, Sendable {
        case idle
        case active
        case leaving(goodbyes: Int)
        case departed
    }

    struct Tombstone: Sendable {
        var member: NodeID
        var since: MonotonicInstant
    }

    /// - Parameters:
    ///   - local: this node. When `config` lists it, the listed site and rack hold, so that all agree on the ring.
    ///   - boot: counts this node's starts from 1, or is random (PROTOCOL.md §2). A higher one outranks all that was
    ///     said about earlier starts; after a lower one this node finds out what to outrank when it is told.
    ///   - rng: for the order in which members are probed.
    package init(
        config: RingConfig, local: MemberDescription, boot: UInt64, settings: MembershipSettings = MembershipSettings(),
        using rng: inout some RandomNumberGenerator
    ) {
        precondition(local.fitsIntoUpdate, "the description of \(local.id) is longer than others can be told")
        self.view = MembershipView(config: config)
        var local = local
        if let listed = self.view.description(of: local.id) {
            (local.site, local.rack) = (listed.site, listed.rack)
        }
        self.local = local
        self.settings = settings
        self.incarnation = Self.firstIncarnation(boot: boot)
        self.health = LocalHealth(worst: settings.healthMax)
        self.probeOrder = ShuffledOrdinals(count: config.members.count, using: &rng)
        _ = self.view.apply(MemberUpdate(member: local, state: .alive, incarnation: self.incarnation))
    }

    /// Incarnation 0 in the first boot, which is what a ring config presumes; room for 2²⁴ refutations in each boot.
    private static func firstIncarnation(boot: UInt64) -> UInt64 {
        ((max(boot, 1) - 1) & ((1 << 39) - 1)) << 24
    }

    /// What is said with a higher incarnation is ignored, and with this one all but that the member is alive.
    static let incarnationMax: UInt64 = 1 << 63

    /// The incarnation that a node says, so that it is believed against one who said the given one.
    static func outranking(_ incarnation: UInt64) -> UInt64 { min(incarnation + 1, Self.incarnationMax) }
}

// MARK: - Events and effects

extension Membership {
    package enum Event: Hashable, Sendable {
        /// The node takes up its part. Other members may be asked from now on.
        case start
        /// The time has come that ``Effect/wake(at:)`` asked for last. Coming early does no harm.
        case wake
        case replied(RequestID, MembershipReply)
        /// No answer came in time, or none can come.
        case failed(RequestID)
        /// Somebody got no answer from this member: it is probed next.
        case foundSilent(NodeID)
        /// Enter the ring of `seed`, or enter it again after leaving.
        case join(seed: MemberDescription)
        /// Say goodbye; ``Effect/departed`` follows.
        case leave
    }

    package enum Effect: Hashable, Sendable {
        /// Ask `to`, whose address is in the view.
        case send(RequestID, to: NodeID, MembershipMessage, timeout: Duration)
        /// Answer the message to which ``Answer/later(_:)`` was given.
        case answer(RelayID, MembershipReply)
        /// Hand in ``Event/wake`` then. Replaces the time asked for before.
        case wake(at: MonotonicInstant)
        case viewChanged(MemberChange)
        /// A member that was gone for long, and that no ring config lists, is none any more.
        case forgotten(NodeID)
        /// All goodbyes are said; nothing more is asked for.
        case departed
    }

    /// What to answer to a message.
    package enum Answer: Hashable, Sendable {
        case now(MembershipReply)
        /// ``Effect/answer(_:_:)`` with this id follows.
        case later(RelayID)
    }

    /// A request of this machine; never used twice.
    package struct RequestID: Hashable, Sendable {
        package let number: UInt64
    }

    /// A probe for another member; never used twice.
    package struct RelayID: Hashable, Sendable {
        package let number: UInt64
    }

    package mutating func handle(
        _ event: Event, at now: MonotonicInstant, using rng: inout some RandomNumberGenerator
    ) -> [Effect] {
        switch event {
        case .start:
            if self.phase == .idle { self.activate(at: now, using: &rng) }
        case .wake:
            self.wake(at: now, using: &rng)
        case .replied(let request, let reply):
            self.complete(request, with: reply, at: now, using: &rng)
        case .failed(let request):
            self.complete(request, with: nil, at: now, using: &rng)
        case .foundSilent(let node):
            self.note(silent: node)
        case .join(let seed):
            self.join(seed, at: now, using: &rng)
        case .leave:
            self.leave(using: &rng)
        }
        return self.endTurn()
    }

    /// Answers what `sender`, a verified name, says or asks.
    package mutating func answer(
        _ message: MembershipMessage, from sender: NodeID, at now: MonotonicInstant,
        using rng: inout some RandomNumberGenerator
    ) -> (answer: Answer, effects: [Effect]) {
        let answer: Answer
        switch message {
        case .probe(let gossip):
            self.hear(gossip, from: sender, inExchange: false, at: now)
            answer = .now(.alive(gossip: self.takeGossip(for: sender)))
        case .probeRequest(let target, let gossip):
            self.hear(gossip, from: sender, inExchange: false, at: now)
            answer = self.relayProbe(to: target, for: sender)
        case .exchange(let updates, let ring):
            self.hear(updates, from: sender, inExchange: true, at: now)
            let isSameRing = ring == self.view.config.digest
            answer = .now(.exchange(updates: self.knowledge(beyondConfig: isSameRing, using: &rng)))
        }
        if self.phase == .active, self.view.state(of: sender) == nil {
            self.exchange(with: sender, using: &rng)
        }
        return (answer, self.endTurn())
    }

    private mutating func endTurn() -> [Effect] {
        if self.phase == .active {
            let due = self.suspicions.reduce(self.nextProbe) { min($0, $1.deadline) }
            if due != self.wakeAt {
                self.wakeAt = due
                self.outbox.append(.wake(at: due))
            }
        }
        defer { self.outbox = [] }
        return self.outbox
    }
}

// MARK: - What the parts of a turn share

extension Membership {
    mutating func emit(_ effect: Effect) {
        self.outbox.append(effect)
    }

    mutating func send(
        _ message: MembershipMessage, to node: NodeID, for purpose: PendingRequest.Purpose, timeout: Duration
    ) {
        self.requestsMade += 1
        let id = RequestID(number: self.requestsMade)
        self.requests.append(PendingRequest(id: id, to: node, purpose: purpose))
        self.emit(.send(id, to: node, message, timeout: timeout))
    }

    mutating func makeRelayID() -> RelayID {
        self.relaysMade += 1
        return RelayID(number: self.relaysMade)
    }

    /// Takes a fact into the view and reports it.
    mutating func apply(_ update: MemberUpdate) -> MemberChange? {
        guard let change = self.view.apply(update) else { return nil }
        if change.old != change.new {
            self.emit(.viewChanged(change))
        }
        return change
    }

    mutating func forget(_ member: NodeID) {
        self.view.forget(member)
        if self.view.state(of: member) == nil { self.emit(.forgotten(member)) }
    }

    /// How much later than asked for the machine was woken; from then on it has not asked for anything.
    mutating func takeLateness(at now: MonotonicInstant) -> Duration {
        defer { self.wakeAt = nil }
        return self.wakeAt.map { now - $0 } ?? .zero
    }
}

/// A request whose answer has not come.
struct PendingRequest: Sendable {
    var id: Membership.RequestID
    var to: NodeID
    var purpose: Purpose

    enum Purpose: Hashable, Sendable {
        /// The direct probe of the round of this number.
        case probe(round: UInt64)
        /// A probe through a relay, for the round of this number.
        case probeRequest(round: UInt64)
        /// A probe for another member.
        case relay(Membership.RelayID, for: NodeID)
        case exchange
        case goodbye
    }
}
