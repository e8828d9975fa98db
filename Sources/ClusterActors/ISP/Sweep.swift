package import Basis

/// One round along the ring, clockwise from the initiator's successor up to the initiator (PROTOCOL.md §7).
///
/// It asks each node at most once and always ends, however stale or wrong the hints are: the position only ever
/// moves strictly ahead and never passes the initiator.
package struct Sweep: Sendable {
    package let initiator: NodeID
    /// The last position asked; the initiator before the first.
    package private(set) var position: NodeID
    /// Nodes asked so far.
    package private(set) var asked = 0
    /// Of these, how often a hint was followed past at least one node.
    package private(set) var hops = 0

    package init(from initiator: NodeID) {
        self.initiator = initiator
        self.position = initiator
    }

    /// Moves to the next node to ask; nil when the round is over.
    ///
    /// `hint` is the first out of a partition that was met. It is followed only when it is strictly ahead and does not
    /// pass the initiator; a member is never asked again.
    package mutating func advance(
        hint: NodeID?, in view: MembershipView, isMember: (NodeID) -> Bool
    ) -> NodeID? {
        guard var next = view.successor(of: self.position) else { return nil }
        if let hint, view.isAhead(hint, of: self.position, before: self.initiator), view.isLive(hint), hint != next {
            next = hint
            self.hops += 1
        }
        while self.isAhead(next, in: view) {
            if !isMember(next) {
                self.position = next
                self.asked += 1
                return next
            }
            guard let following = view.successor(of: next), following != next else { return nil }
            // A member is passed over, strictly ahead as well: the walk is bounded by the ring.
            guard view.isAhead(following, of: next, before: self.initiator) else { return nil }
            next = following
        }
        return nil
    }

    private func isAhead(_ node: NodeID, in view: MembershipView) -> Bool {
        node != self.initiator && view.isAhead(node, of: self.position, before: self.initiator)
    }
}
