package import Basis

/// Who may command this node (PROTOCOL.md §4): the test-and-set of the protocol.
///
///     free → reserved → executing → reserved → free
///                           └→ releasing → free          recovering → free
///
/// Every method is one turn: it first ends a reservation whose deadline has passed, then answers. The caller keeps
/// the order of turns by calling from one actor and without an `await` between test and set.
package struct Reservation: Sendable {
    /// One grant of this node to an ISP, and until when it lasts without a renewal; nil for the node's own ISP, which
    /// the agent ends when the task has ended.
    private struct Holding {
        var token: Token
        var deadline: MonotonicInstant?
        /// Where the holder's partition ends clockwise after this node, as the holder last said.
        var firstOut: NodeID?
    }

    private enum State {
        case recovering
        case free
        case reserved(Holding)
        /// At least one flight is under way; there is no deadline.
        case executing(Holding)
        /// The holder let go while a flight was under way.
        case releasing(Holding)
    }

    /// What a node does in one flight.
    package enum Direction: Hashable, Sendable {
        case outgoing
        case incoming
    }

    /// An action of the present epoch.
    package enum ActionState: Hashable, Sendable {
        case running(Direction)
        case done(ActionResult)
    }

    /// The beginning or the end of a grant, in the order in which they happened.
    package enum Transition: Hashable, Sendable {
        case granted(Token)
        case ended(Token, Ending)
    }

    /// Why a grant ended.
    package enum Ending: String, Hashable, Sendable {
        case released
        case expired
        case ispOver
    }

    /// How many actions are remembered of one grant, and so may be ordered under it.
    package static let actionsMax = 4_096

    private let boot: UInt64
    private let lease: Duration
    private let node: NodeID
    private var limits: [Direction: Int]
    private var state = State.recovering
    private var epochsMinted: UInt64 = 0
    private var actions: [ActionID: ActionState] = [:]
    private var transitions: [Transition] = []

    /// Begins as `recovering`: every `reserve` is refused until ``recovered()``.
    package init(
        node: NodeID, boot: UInt64, lease: Duration, incomingMax: Int, outgoingMax: Int
    ) {
        self.node = node
        self.boot = boot
        self.lease = lease
        self.limits = [.incoming: incomingMax, .outgoing: outgoingMax]
    }

    // MARK: - What the node is asked

    package enum ReserveAnswer: Hashable, Sendable {
        case granted(Epoch)
        case held(by: ISPID, firstOut: NodeID?)
        case busy
        case recovering
    }

    /// An initiator asks for this node. The same ISP asking again gets the same epoch: its first answer was lost.
    package mutating func reserve(for isp: ISPID, at now: MonotonicInstant) -> ReserveAnswer {
        self.expire(at: now)
        switch self.state {
        case .recovering:
            return .recovering
        case .free:
            return .granted(self.mint(for: isp, deadline: isp.node == self.node ? nil : now + self.lease))
        case .reserved(var holding) where holding.token.isp == isp:
            if holding.deadline != nil { holding.deadline = now + self.lease }
            self.state = .reserved(holding)
            return .granted(holding.token.epoch)
        case .executing(let holding) where holding.token.isp == isp:
            return .granted(holding.token.epoch)
        case .releasing(let holding) where holding.token.isp == isp:
            return .busy
        case .reserved(let holding), .executing(let holding), .releasing(let holding):
            return .held(by: holding.token.isp, firstOut: holding.firstOut)
        }
    }

    /// - Returns: the flights under way, or nil when the token is not the node's (`stale`).
    package mutating func renew(_ token: Token, firstOut: NodeID?, at now: MonotonicInstant) -> Int? {
        self.expire(at: now)
        switch self.state {
        case .reserved(var holding) where holding.token == token:
            if holding.deadline != nil { holding.deadline = now + self.lease }
            holding.firstOut = firstOut
            self.state = .reserved(holding)
            return 0
        case .executing(var holding) where holding.token == token:
            holding.firstOut = firstOut
            self.state = .executing(holding)
            return self.flightCount
        case .recovering, .free, .reserved, .executing, .releasing:
            return nil
        }
    }

    /// Ends the grant that `token` names, and no other. The answer is always "released".
    package mutating func release(_ token: Token, at now: MonotonicInstant) {
        self.expire(at: now)
        self.letGo(token, because: .released)
    }

    /// The task of this node's own ISP has ended (nothing else ends that reservation).
    package mutating func ownISPEnded(_ token: Token) {
        self.letGo(token, because: .ispOver)
    }

    private mutating func letGo(_ token: Token, because ending: Ending) {
        switch self.state {
        case .reserved(let holding) where holding.token == token:
            self.free(holding, because: ending)
        case .executing(let holding) where holding.token == token:
            self.state = .releasing(holding)
        case .recovering, .free, .reserved, .executing, .releasing:
            break
        }
    }

    package enum Admission: Hashable, Sendable {
        /// The action was ordered before under this epoch; nothing new was begun.
        case known(ActionState)
        case stale
        /// The node's limit of flights in that direction is reached.
        case busy
        case refused(reason: String)
        /// A flight was begun: the caller must ``settle(_:with:at:)`` it.
        case admitted
    }

    /// An action is ordered under `token`. `localCheck` gives the reason why this node will not do it, or nil; it is
    /// asked last and in the same turn.
    package mutating func admit(
        _ action: ActionID, _ direction: Direction, under token: Token, at now: MonotonicInstant,
        localCheck: () -> String?
    ) -> Admission {
        self.expire(at: now)
        switch self.state {
        case .reserved(let holding) where holding.token == token,
            .executing(let holding) where holding.token == token:
            if let known = self.actions[action] { return .known(known) }
            guard self.actions.count < Self.actionsMax else {
                return .refused(reason: "\(self.actions.count) actions were ordered under one grant of \(self.node)")
            }
            guard self.flights(in: direction) < self.limits[direction, default: 0] else { return .busy }
            if let reason = localCheck() { return .refused(reason: reason) }
            self.actions[action] = .running(direction)
            self.state = .executing(holding)
            return .admitted
        case .releasing(let holding) where holding.token == token:
            if let known = self.actions[action] { return .known(known) }
            return .stale
        case .recovering, .free, .reserved, .executing, .releasing:
            return .stale
        }
    }

    /// How many flights may be under way in each direction. Those that are go on.
    package mutating func use(incomingMax: Int, outgoingMax: Int) {
        self.limits = [.incoming: incomingMax, .outgoing: outgoingMax]
    }

    /// A flight has ended, whatever its initiator does meanwhile: the node itself ends `executing`.
    ///
    /// The lease starts afresh: the old deadline may be long past.
    package mutating func settle(_ action: ActionID, with result: ActionResult, at now: MonotonicInstant) {
        guard case .running? = self.actions[action] else {
            preconditionFailure("\(action) ends a flight that this node did not begin")
        }
        self.actions[action] = .done(result)
        guard self.flightCount == 0 else { return }
        switch self.state {
        case .executing(var holding):
            if holding.deadline != nil { holding.deadline = now + self.lease }
            self.state = .reserved(holding)
        case .releasing(let holding):
            self.free(holding, because: .released)
        case .recovering, .free, .reserved:
            preconditionFailure("\(action) was in flight although the node was not executing")
        }
    }

    /// The hypervisor has no job of an earlier boot, and the VM set is known.
    package mutating func recovered() {
        guard case .recovering = self.state else { return }
        self.state = .free
    }

    /// Ends a reservation whose deadline has passed.
    package mutating func expire(at now: MonotonicInstant) {
        guard case .reserved(let holding) = self.state, let deadline = holding.deadline, now >= deadline else { return }
        self.free(holding, because: .expired)
    }

    // MARK: - What the agent looks at

    /// Whether the grant that `token` names still stands.
    package func holds(_ token: Token) -> Bool {
        self.holding?.token == token
    }

    package var isFree: Bool {
        if case .free = self.state { true } else { false }
    }

    package var isRecovering: Bool {
        if case .recovering = self.state { true } else { false }
    }

    package var holder: Token? { self.holding?.token }

    /// When the present grant ends if nothing happens.
    package var deadline: MonotonicInstant? {
        if case .reserved(let holding) = self.state { holding.deadline } else { nil }
    }

    package func state(of action: ActionID) -> ActionState? { self.actions[action] }

    package var flightCount: Int { self.flights(in: .incoming) + self.flights(in: .outgoing) }

    /// For people: free, reserved, executing, releasing or recovering.
    package var stateName: String {
        switch self.state {
        case .recovering: "recovering"
        case .free: "free"
        case .reserved: "reserved"
        case .executing: "executing"
        case .releasing: "releasing"
        }
    }

    /// Grants begun and ended since this was last called, for the journal.
    package mutating func takeTransitions() -> [Transition] {
        defer { self.transitions.removeAll(keepingCapacity: true) }
        return self.transitions
    }

    // MARK: - Inside

    private var holding: Holding? {
        switch self.state {
        case .recovering, .free: nil
        case .reserved(let holding), .executing(let holding), .releasing(let holding): holding
        }
    }

    private func flights(in direction: Direction) -> Int {
        self.actions.values.count { $0 == .running(direction) }
    }

    private mutating func mint(for isp: ISPID, deadline: MonotonicInstant?) -> Epoch {
        self.epochsMinted += 1
        let token = Token(isp: isp, epoch: Epoch(boot: self.boot, counter: self.epochsMinted))
        self.state = .reserved(Holding(token: token, deadline: deadline, firstOut: nil))
        self.transitions.append(.granted(token))
        return token.epoch
    }

    private mutating func free(_ holding: Holding, because ending: Ending) {
        self.state = .free
        self.actions.removeAll(keepingCapacity: true)
        self.transitions.append(.ended(holding.token, ending))
    }
}
