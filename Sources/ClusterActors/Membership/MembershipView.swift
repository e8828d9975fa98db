package import Basis

/// Who is on the ring, as one node knows it: the shared ring config, and what is known to differ from it.
///
/// Everything costs memory by the number of differences, not of members: a listed member of which nothing is known
/// is alive at incarnation 0. The facts about one member form a total order (``MemberUpdate``), so two views that
/// have seen the same facts are equal, in whatever order they came.
///
/// A member's *ordinal* is its place among all members of the view, clockwise from 0; it is what the ring functions
/// count with, and changes when a member joins.
package struct MembershipView: Sendable {
    package let config: RingConfig

    /// Listed members about which a fact is known, by ascending index.
    private var deviations: [Deviation] = []
    /// Listed members that have said that they are reached elsewhere, by ascending index.
    private var moves: [Move] = []
    /// Members that are not listed, clockwise.
    private var joined: [JoinedMember] = []
    /// The keys by which ``joined`` is searched.
    private var joinedKeys: [NodeID: RingKey] = [:]

    /// How many members are alive or suspect.
    package private(set) var liveCount: Int
    /// How many members are confirmed silent.
    package private(set) var deadCount = 0

    package init(config: RingConfig) {
        self.config = config
        self.liveCount = config.members.count
    }

    private struct Deviation: Sendable {
        var status: MemberStatus
        var index: Int32
    }

    private struct Move: Sendable {
        var index: Int32
        var address: String
    }

    private struct JoinedMember: Sendable {
        var member: MemberDescription
        /// It stands before the listed member of this index.
        var slot: Int
        var status: MemberStatus
    }

    private enum Place {
        /// An index into the ring config.
        case listed(Int)
        /// An index into ``joined``.
        case joined(Int)
    }
}

/// The fact that holds about one member.
struct MemberStatus: Hashable, Sendable {
    var incarnation: UInt64
    var state: MemberState

    /// What is assumed of a listed member of which nothing is known.
    static let presumed = MemberStatus(incarnation: 0, state: .alive)

    /// Whether this fact holds and not `other`.
    func supersedes(_ other: MemberStatus) -> Bool {
        (self.incarnation, self.state) > (other.incarnation, other.state)
    }
}

/// A fact that was news to a view.
package struct MemberChange: Hashable, Sendable {
    package var member: MemberDescription
    /// Nil for a member that was not known.
    package var old: MemberState?
    /// Equal to `old` when only the incarnation or the address changed.
    package var new: MemberState
}

// MARK: - Members

extension MembershipView {
    /// Nil for a node that is not known.
    package func state(of node: NodeID) -> MemberState? {
        self.status(of: node)?.state
    }

    /// Whether `node` is alive or suspect.
    package func isLive(_ node: NodeID) -> Bool {
        self.state(of: node)?.isLive ?? false
    }

    package func address(of node: NodeID) -> String? {
        self.description(of: node)?.address
    }

    package func description(of node: NodeID) -> MemberDescription? {
        self.place(of: node).map { self.description(at: $0) }
    }

    /// How many members there are, live or not.
    package var count: Int { self.config.members.count + self.joined.count }

    /// How many members are not listed in the ring config.
    package var joinedCount: Int { self.joined.count }

    /// How many facts are kept beyond the ring config: what the view costs.
    package var differenceCount: Int { self.deviations.count + self.moves.count + self.joined.count }

    /// The live members, clockwise from the first of the ring.
    package var liveMembers: [MemberDescription] {
        (0..<self.count).lazy.map { self.place(atOrdinal: $0) }
            .filter { self.status(at: $0).state.isLive }
            .map { self.description(at: $0) }
    }

    func status(of node: NodeID) -> MemberStatus? {
        self.place(of: node).map { self.status(at: $0) }
    }

    /// The fact that holds about `node`, to be told to others; nil for a node that is not known.
    func update(about node: NodeID) -> MemberUpdate? {
        self.place(of: node).map { self.update(at: $0) }
    }

    /// What another must be told who has the same ring config.
    package var differences: [MemberUpdate] {
        self.deviations.map { self.update(at: .listed(Int($0.index))) }
            + self.joined.indices.map { self.update(at: .joined($0)) }
    }

    /// What another must be told who has another ring config: all that is known, clockwise.
    var everything: [MemberUpdate] {
        (0..<self.count).map { self.update(at: self.place(atOrdinal: $0)) }
    }

    /// The confirmed silent members: the listed ones clockwise, then the others.
    var deadMembers: [NodeID] {
        self.deviations.lazy.filter { $0.status.state == .dead }.map { self.config.members[Int($0.index)].id }
            + self.joined.lazy.filter { $0.status.state == .dead }.map(\.member.id)
    }

    private func update(at place: Place) -> MemberUpdate {
        let status = self.status(at: place)
        return MemberUpdate(
            member: self.description(at: place), state: status.state, incarnation: status.incarnation)
    }

    private func status(at place: Place) -> MemberStatus {
        switch place {
        case .joined(let index):
            return self.joined[index].status
        case .listed(let index):
            let slot = self.deviationSlot(of: index)
            guard slot < self.deviations.count, self.deviations[slot].index == index else { return .presumed }
            return self.deviations[slot].status
        }
    }

    private func description(at place: Place) -> MemberDescription {
        switch place {
        case .joined(let index):
            return self.joined[index].member
        case .listed(let index):
            var member = self.config.members[index]
            let slot = self.moveSlot(of: index)
            if slot < self.moves.count, self.moves[slot].index == index {
                member.address = self.moves[slot].address
            }
            return member
        }
    }

    private func deviationSlot(of index: Int) -> Int {
        self.deviations.firstSortedIndex { $0.index >= index }
    }

    private func moveSlot(of index: Int) -> Int {
        self.moves.firstSortedIndex { $0.index >= index }
    }
}

// MARK: - Ring order

extension MembershipView {
    /// The next live member clockwise of `node`, never `node` itself.
    ///
    /// - Parameter node: may be dead or left; its place is what counts.
    /// - Returns: nil when `node` is not known, and when no other member is live.
    package func successor(of node: NodeID) -> NodeID? {
        guard let start = self.ordinal(of: node) else { return nil }
        for step in stride(from: 1, to: self.count, by: 1) {
            if let (id, state) = self.member(atOrdinal: (start + step) % self.count), state.isLive {
                return id
            }
        }
        return nil
    }

    /// Whether one who walks clockwise from `position` meets `candidate` before it comes to `end`. Both ends are
    /// excluded; when they are one, the whole ring but that node lies between them.
    ///
    /// Only places count, not states. False when one of the three is not known.
    package func isAhead(_ candidate: NodeID, of position: NodeID, before end: NodeID) -> Bool {
        guard let candidate = self.ordinal(of: candidate), let position = self.ordinal(of: position),
            let end = self.ordinal(of: end)
        else { return false }
        let steps = self.steps(from: position, to: candidate)
        let stepsToEnd = position == end ? self.count : self.steps(from: position, to: end)
        return steps > 0 && steps < stepsToEnd
    }

    /// The member at `ordinal`; nil when there is none.
    func member(atOrdinal ordinal: Int) -> (id: NodeID, state: MemberState)? {
        guard ordinal < self.count else { return nil }
        let place = self.place(atOrdinal: ordinal)
        let id =
            switch place {
            case .joined(let index): self.joined[index].member.id
            case .listed(let index): self.config.members[index].id
            }
        return (id, self.status(at: place).state)
    }

    private func steps(from start: Int, to end: Int) -> Int {
        end >= start ? end - start : end - start + self.count
    }

    private func ordinal(of node: NodeID) -> Int? {
        switch self.place(of: node) {
        case nil: nil
        case .joined(let index): self.joined[index].slot + index
        case .listed(let index): index + self.joined.firstSortedIndex { $0.slot > index }
        }
    }

    private func place(atOrdinal ordinal: Int) -> Place {
        // The joined members' own ordinals ascend, so those before `ordinal` can be counted by binary search.
        let before = self.joined.indices.firstSortedIndex { self.joined[$0].slot + $0 >= ordinal }
        if before < self.joined.count, self.joined[before].slot + before == ordinal {
            return .joined(before)
        }
        return .listed(ordinal - before)
    }

    private func place(of node: NodeID) -> Place? {
        if let index = self.config.index(of: node) {
            return .listed(index)
        }
        return self.joinedKeys[node].map { .joined(self.joinedSlot(of: $0)) }
    }

    private func joinedSlot(of key: RingKey) -> Int {
        self.joined.firstSortedIndex { $0.member.ringKey >= key }
    }
}

// MARK: - Changes

extension MembershipView {
    /// Takes a fact in, if it holds and not the one that is known.
    ///
    /// - Returns: nil when the fact was no news.
    package mutating func apply(_ update: MemberUpdate) -> MemberChange? {
        let status = MemberStatus(incarnation: update.incarnation, state: update.state)
        let old: MemberState?
        switch self.place(of: update.member.id) {
        case .listed(let index):
            let known = self.status(at: .listed(index))
            guard status.supersedes(known) else { return nil }
            self.setStatus(status, ofListed: index)
            // Only the member itself says that it is alive; the others repeat what they know of its address.
            if update.state == .alive {
                self.setAddress(update.member.address, ofListed: index)
            }
            old = known.state
        case .joined(let index):
            let known = self.joined[index]
            guard status.supersedes(known.status) else { return nil }
            self.joined.remove(at: index)
            self.insertJoined(update.state == .alive ? update.member : known.member, status: status)
            old = known.status.state
        case nil:
            self.insertJoined(update.member, status: status)
            old = nil
        }
        self.count(old, by: -1)
        self.count(status.state, by: 1)
        let member = self.description(of: update.member.id) ?? update.member
        return MemberChange(member: member, old: old, new: status.state)
    }

    /// Forgets a member that is not listed and not live. Nothing happens for any other.
    package mutating func forget(_ node: NodeID) {
        guard let key = self.joinedKeys[node] else { return }
        let index = self.joinedSlot(of: key)
        guard !self.joined[index].status.state.isLive else { return }
        self.count(self.joined[index].status.state, by: -1)
        self.joined.remove(at: index)
        self.joinedKeys[node] = nil
    }

    private mutating func count(_ state: MemberState?, by difference: Int) {
        switch state {
        case .alive, .suspect: self.liveCount += difference
        case .dead: self.deadCount += difference
        case .left, nil: break
        }
    }

    private mutating func setStatus(_ status: MemberStatus, ofListed index: Int) {
        let slot = self.deviationSlot(of: index)
        if slot < self.deviations.count, self.deviations[slot].index == index {
            self.deviations[slot].status = status
        } else {
            self.deviations.insert(Deviation(status: status, index: Int32(index)), at: slot)
        }
    }

    private mutating func setAddress(_ address: String, ofListed index: Int) {
        let slot = self.moveSlot(of: index)
        let isKnown = slot < self.moves.count && self.moves[slot].index == index
        switch (address == self.config.members[index].address, isKnown) {
        case (true, true): self.moves.remove(at: slot)
        case (true, false): break
        case (false, true): self.moves[slot].address = address
        case (false, false): self.moves.insert(Move(index: Int32(index), address: address), at: slot)
        }
    }

    private mutating func insertJoined(_ member: MemberDescription, status: MemberStatus) {
        let key = member.ringKey
        let new = JoinedMember(member: member, slot: self.config.slot(for: key), status: status)
        self.joined.insert(new, at: self.joinedSlot(of: key))
        self.joinedKeys[member.id] = key
    }
}
