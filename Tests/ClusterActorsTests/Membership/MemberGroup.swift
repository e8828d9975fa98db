import Basis
import ClusterActors

/// Members that run their `Membership` machines over a network of seeded loss and delay, under virtual time.
///
/// A plain event loop: the machines need no actors. It keeps the shell's promise of exactly one `replied` or `failed`
/// per request.
struct MemberGroup {
    private(set) var now = MonotonicInstant.zero
    private(set) var members: [NodeID: Member] = [:]
    /// Of all members that were ever started, in the order of their start.
    private(set) var started: [NodeID] = []
    private(set) var changes: [ObservedChange] = []
    private(set) var messagesSent = 0

    /// How many of a thousand messages are lost, each way.
    var lossPerMille = 0
    /// Every message takes up to this long, at random.
    var delayMax: Duration = .milliseconds(5)
    /// Messages pass between members of one side only; members that are not named are on side 0.
    var sides: [NodeID: Int] = [:]

    let settings: MembershipSettings
    private var rng: SplitMix64
    private var queue = EventQueue()
    private var starts = 0

    struct Member {
        var machine: Membership
        var rng: SplitMix64
        /// Which start of which member this is, so that events for an earlier one are dropped.
        var start: Int
        var isUp = true
        /// Until when it handles nothing: events wait.
        var pausedUntil = MonotonicInstant.zero
        var wakeAt: MonotonicInstant?
        /// Requests that have not ended.
        var underWay: Set<Membership.RequestID> = []
        /// Whom to tell what a relayed probe found.
        var relays: [Membership.RelayID: Origin] = [:]
        var hasDeparted = false
    }

    struct Origin {
        var node: NodeID
        var start: Int
        var request: Membership.RequestID
    }

    struct ObservedChange {
        var at: MonotonicInstant
        var by: NodeID
        var change: MemberChange
    }

    init(seed: UInt64, settings: MembershipSettings = MembershipSettings()) {
        self.rng = SplitMix64(seed: seed)
        self.settings = settings
    }

    /// A group of `count` members n0, n1, … in one ring config, all started.
    static func ring(
        _ count: Int, seed: UInt64, settings: MembershipSettings = MembershipSettings()
    ) throws -> MemberGroup {
        var group = MemberGroup(seed: seed, settings: settings)
        let config = try RingConfig(members: (0..<count).map(member))
        for index in 0..<count {
            group.start(member(index), config: config)
        }
        return group
    }

    static func member(_ index: Int) -> MemberDescription {
        MemberDescription(
            id: NodeID("n\(index)")!, address: "10.0.0.\(index):7400", site: "s\(index % 2)", rack: "r\(index % 4)")
    }
}

// MARK: - What a test does

extension MemberGroup {
    mutating func start(_ member: MemberDescription, config: RingConfig, boot: UInt64 = 1) {
        self.starts += 1
        var rng = self.rng.split()
        let machine = Membership(config: config, local: member, boot: boot, settings: self.settings, using: &rng)
        self.members[member.id] = Member(machine: machine, rng: rng, start: self.starts)
        if !self.started.contains(member.id) {
            self.started.append(member.id)
        }
        self.hand(.start, to: member.id)
    }

    mutating func hand(_ event: Membership.Event, to node: NodeID) {
        guard var member = self.members[node], member.isUp else { return }
        let effects = member.machine.handle(event, at: self.now, using: &member.rng)
        self.members[node] = member
        self.carryOut(effects, of: node)
    }

    /// Hands in a join; the member counts as running again.
    mutating func rejoin(_ node: NodeID, seed: MemberDescription) {
        self.members[node]?.hasDeparted = false
        self.hand(.join(seed: seed), to: node)
    }

    mutating func crash(_ node: NodeID) {
        self.members[node]?.isUp = false
    }

    /// For `duration` the member handles nothing; what comes meanwhile it handles then.
    mutating func pause(_ node: NodeID, for duration: Duration) {
        self.members[node]?.pausedUntil = self.now + duration
    }

    mutating func run(for duration: Duration) {
        let end = self.now + duration
        _ = self.run(until: end) { _ in false }
    }

    /// Runs until `condition` holds, looked at about every 100 ms, or `limit` has passed.
    ///
    /// - Returns: how long it took; nil when the limit passed first.
    mutating func run(atMost limit: Duration, until condition: (MemberGroup) -> Bool) -> Duration? {
        let begin = self.now
        return self.run(until: begin + limit, condition) ? self.now - begin : nil
    }

    private mutating func run(until end: MonotonicInstant, _ condition: (MemberGroup) -> Bool) -> Bool {
        var nextLook = self.now
        while true {
            if self.now >= nextLook {
                if condition(self) { return true }
                nextLook = self.now + .milliseconds(100)
            }
            guard let event = self.queue.next(before: end) else { break }
            self.now = event.at
            self.take(event.kind)
        }
        self.now = end
        return condition(self)
    }

    func view(of node: NodeID) -> MembershipView {
        self.members[node]!.machine.view
    }

    func state(of node: NodeID, by observer: NodeID) -> MemberState? {
        self.view(of: observer).state(of: node)
    }

    /// The members that run and have not left.
    var running: [NodeID] {
        self.started.filter { self.members[$0]!.isUp && !self.members[$0]!.hasDeparted }
    }

    /// Whether every running member sees exactly the running members on the ring, all of them alive, in one order.
    var hasConverged: Bool {
        let running = self.running
        guard let first = running.first else { return true }
        let expected = self.view(of: first).liveMembers
        guard Set(expected.map(\.id)) == Set(running) else { return false }
        return running.allSatisfy { observer in
            let view = self.view(of: observer)
            return view.liveMembers == expected && running.allSatisfy { view.state(of: $0) == .alive }
        }
    }
}

// MARK: - The network and the shell

extension MemberGroup {
    private mutating func carryOut(_ effects: [Membership.Effect], of node: NodeID) {
        let start = self.members[node]!.start
        for effect in effects {
            switch effect {
            case .send(let request, let target, let message, let timeout):
                self.messagesSent += 1
                self.members[node]!.underWay.insert(request)
                self.queue.add(.timeout(node, start: start, request), at: self.now + timeout)
                let origin = Origin(node: node, start: start, request: request)
                self.post(.request(message, from: origin, to: target), from: node, to: target)
            case .answer(let relay, let reply):
                guard let origin = self.members[node]!.relays.removeValue(forKey: relay) else { continue }
                self.post(.reply(reply, to: origin), from: node, to: origin.node)
            case .wake(let at):
                self.members[node]!.wakeAt = at
                self.queue.add(.wake(node, start: start, at: at), at: max(at, self.now))
            case .viewChanged(let change):
                self.changes.append(ObservedChange(at: self.now, by: node, change: change))
            case .forgotten:
                break
            case .departed:
                self.members[node]!.hasDeparted = true
            }
        }
    }

    private mutating func post(_ kind: EventQueue.Kind, from sender: NodeID, to receiver: NodeID) {
        guard self.sides[sender, default: 0] == self.sides[receiver, default: 0],
            Int.random(in: 0..<1_000, using: &self.rng) >= self.lossPerMille
        else { return }
        let delay = Int64.random(in: 0...self.delayMax.inNanoseconds, using: &self.rng)
        self.queue.add(kind, at: self.now + .nanoseconds(delay))
    }

    private mutating func take(_ kind: EventQueue.Kind) {
        let node = kind.receiver
        guard let member = self.members[node], member.isUp else { return }
        if member.pausedUntil > self.now {
            self.queue.add(kind, at: member.pausedUntil)
            return
        }
        switch kind {
        case .wake(_, let start, let at):
            guard start == member.start, at == member.wakeAt else { return }
            self.hand(.wake, to: node)
        case .timeout(_, let start, let request):
            guard start == member.start, self.members[node]!.underWay.remove(request) != nil else { return }
            self.hand(.failed(request), to: node)
        case .reply(let reply, let origin):
            guard origin.start == member.start, self.members[node]!.underWay.remove(origin.request) != nil else {
                return
            }
            self.hand(.replied(origin.request, reply), to: node)
        case .request(let message, let origin, _):
            self.answer(message, from: origin, at: node)
        }
    }

    private mutating func answer(_ message: MembershipMessage, from origin: Origin, at node: NodeID) {
        var member = self.members[node]!
        let (answer, effects) = member.machine.answer(message, from: origin.node, at: self.now, using: &member.rng)
        self.members[node] = member
        switch answer {
        case .now(let reply): self.post(.reply(reply, to: origin), from: node, to: origin.node)
        case .later(let relay): self.members[node]!.relays[relay] = origin
        }
        self.carryOut(effects, of: node)
    }
}

/// What is to happen, the earliest first; at one instant in the order in which it was added.
struct EventQueue {
    enum Kind {
        case wake(NodeID, start: Int, at: MonotonicInstant)
        case timeout(NodeID, start: Int, Membership.RequestID)
        case request(MembershipMessage, from: MemberGroup.Origin, to: NodeID)
        case reply(MembershipReply, to: MemberGroup.Origin)

        var receiver: NodeID {
            switch self {
            case .wake(let node, _, _), .timeout(let node, _, _), .request(_, _, let node): node
            case .reply(_, let origin): origin.node
            }
        }
    }

    struct Event {
        var at: MonotonicInstant
        var number: Int
        var kind: Kind

        func isBefore(_ other: Event) -> Bool {
            (self.at, self.number) < (other.at, other.number)
        }
    }

    /// A binary heap.
    private var events: [Event] = []
    private var added = 0

    mutating func add(_ kind: Kind, at: MonotonicInstant) {
        self.added += 1
        self.events.append(Event(at: at, number: self.added, kind: kind))
        var child = self.events.count - 1
        while child > 0, self.events[child].isBefore(self.events[(child - 1) / 2]) {
            self.events.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the earliest event, if it is not after `end`.
    mutating func next(before end: MonotonicInstant) -> Event? {
        guard let first = self.events.first, first.at <= end else { return nil }
        self.events.swapAt(0, self.events.count - 1)
        self.events.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.events.count && self.events[child].isBefore(self.events[least]) {
                least = child
            }
            if least == parent { return first }
            self.events.swapAt(parent, least)
            parent = least
        }
    }
}
