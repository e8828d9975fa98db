package import Basis
package import OrderedCollections
package import Placement

/// The nodes that one ISP holds, in the order in which they were granted; the initiator's own node is the first.
package struct Partition: Sendable {
    package struct Member: Sendable {
        package var epoch: Epoch
        package var revision: Revision
        package var snapshot: NodeSnapshot
        /// When the last reservation or renewal that was answered was *sent*: the lease has run at least from then.
        package var renewedAt: MonotonicInstant

        package init(epoch: Epoch, revision: Revision, snapshot: NodeSnapshot, renewedAt: MonotonicInstant) {
            self.epoch = epoch
            self.revision = revision
            self.snapshot = snapshot
            self.renewedAt = renewedAt
        }
    }

    package let initiator: NodeID
    package private(set) var members: OrderedDictionary<NodeID, Member>

    package init(initiator: NodeID, own: Member) {
        self.initiator = initiator
        self.members = [initiator: own]
    }

    package subscript(node: NodeID) -> Member? { self.members[node] }

    package func contains(_ node: NodeID) -> Bool { self.members[node] != nil }

    package var nodes: [NodeID] { Array(self.members.keys) }

    package mutating func add(_ node: NodeID, _ member: Member) {
        self.members[node] = member
    }

    /// Takes a node out. The initiator's own node stays: nothing but the end of the ISP ends that reservation.
    @discardableResult
    package mutating func remove(_ node: NodeID) -> Member? {
        guard node != self.initiator else { return nil }
        return self.members.removeValue(forKey: node)
    }

    /// What each of `nodes` showed last; nothing of those that are not in it.
    package func revisions(of nodes: [NodeID]) -> [NodeID: Revision] {
        nodes.reduce(into: [:]) { $0[$1] = self[$1]?.revision }
    }

    /// Takes out the members that `kept` does not name.
    ///
    /// - Returns: the epochs of their grants.
    package mutating func removeAll(except kept: [NodeID]) -> [NodeID: Epoch] {
        let kept = Set(kept)
        var removed: [NodeID: Epoch] = [:]
        for node in self.nodes where !kept.contains(node) { removed[node] = self.remove(node)?.epoch }
        return removed
    }

    /// A renewal that was sent at `sentAt` was answered.
    package mutating func renewed(
        _ node: NodeID, epoch: Epoch, revision: Revision, snapshot: NodeSnapshot?, sentAt: MonotonicInstant
    ) {
        guard var member = self.members[node], member.epoch == epoch else { return }
        member.renewedAt = max(member.renewedAt, sentAt)
        if let snapshot {
            member.snapshot = snapshot
            member.revision = revision
        }
        self.members[node] = member
    }

    /// What the members want more of than they may give, if so: no plan exists then, whatever the constraints are.
    ///
    /// - Parameter emptied: a member that is to keep nothing.
    package func shortage(emptying emptied: NodeID?) -> MappingDefect? {
        var balance = ResourceBalance()
        // One that moved a moment ago is shown by two members, and counts once.
        var seen: Set<VMID> = []
        for (node, member) in self.members {
            for vm in member.snapshot.vms where seen.insert(vm.id).inserted { balance.add(vm) }
            if member.snapshot.node.state == .active, node != emptied {
                balance.add(member.snapshot.node, member.snapshot.thresholds)
            }
        }
        return balance.shortage
    }

    /// The first node clockwise from `node` that is not a member: where a request that meets this partition at
    /// `node` goes next. Nil when the partition is the whole ring.
    package func firstOut(after node: NodeID, in view: MembershipView) -> NodeID? {
        var position = node
        for _ in 0..<self.members.count {
            guard let next = view.successor(of: position), next != node else { return nil }
            if !self.contains(next) { return next }
            position = next
        }
        return nil
    }
}
