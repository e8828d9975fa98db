package import Basis
import Settings

/// From whom each host gets a file that all are to have: a forest that grows as hosts arrive.
///
/// A host gets a place when its turn has come, below one that came before it: so nobody waits for a host that comes late, and no
/// circle can come about. Within a site hosts hang below each other; the first of each site hangs below the first of another, so
/// that the file crosses the links between sites once for each site. The first of all gets it from the deployer, which also is
/// everybody's last resort.
package struct SpreadPlan: Hashable, Sendable {
    /// How many hosts a host may turn to before the deployer: each has to let it in beforehand.
    package static let sourcesMax = 3
    private struct Member: Hashable, Sendable {
        var site: String
        var parent: NodeID?
        var isFirstOfSite: Bool
        var hasLeft = false
    }

    private let arity: Int?
    private var members: [NodeID: Member] = [:]
    /// As they arrived.
    private var order: [NodeID] = []

    /// - Parameter arity: how many hosts of its own site a host sends to, 1...``FleetImage/treeArityMax``, and as many of other sites if it is
    ///   the first of its own; nil: everybody gets the file from the deployer.
    package init(arity: Int?) {
        precondition((1...FleetImage.treeArityMax).contains(arity ?? 1), "a host sends to at least one other")
        self.arity = arity
    }

    /// Gives the host its place, or finds it where it has one.
    ///
    /// - Returns: whom it gets the file from, as ``sources(of:)`` says.
    package mutating func join(_ id: NodeID, site: String) -> [NodeID] {
        if self.members[id] == nil {
            let isFirst = !self.order.contains { self.members[$0].map { $0.site == site && !$0.hasLeft } ?? false }
            self.members[id] = Member(
                site: site, parent: self.freePlace(inSite: isFirst ? nil : site), isFirstOfSite: isFirst)
            self.order.append(id)
        }
        return self.sources(of: id)
    }

    /// The host is no source any more: those below it move up.
    package mutating func leave(_ id: NodeID) { self.members[id]?.hasLeft = true }

    /// The one above it, the one above that, and so on, without those that have left; at most ``sourcesMax``.
    package func sources(of id: NodeID) -> [NodeID] {
        var found: [NodeID] = []
        var next = self.members[id]?.parent
        while let source = next, found.count < Self.sourcesMax {
            if self.members[source]?.hasLeft == false { found.append(source) }
            next = self.members[source]?.parent
        }
        return found
    }

    /// The first that arrived and has room for one more.
    ///
    /// - Parameter site: nil: among the first ones of all sites.
    private func freePlace(inSite site: String?) -> NodeID? {
        guard let arity = self.arity else { return nil }
        var below: [NodeID: Int] = [:]
        for id in self.order {
            guard let member = self.members[id], !member.hasLeft, member.isFirstOfSite == (site == nil),
                let parent = self.sources(of: id).first
            else { continue }
            below[parent, default: 0] += 1
        }
        return self.order.first { id in
            guard let member = self.members[id], !member.hasLeft, below[id, default: 0] < arity else { return false }
            return site == nil ? member.isFirstOfSite : member.site == site
        }
    }
}
