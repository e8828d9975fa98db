package import Basis

/// The members that a node was told of at its start, in ring order. Immutable: all agents of a process share one.
package final class RingConfig: Sendable {
    /// What the clockwise order follows.
    package enum Order: UInt8, Hashable, Sendable, CaseIterable {
        /// Neighbours are near, so that partitions stay on cheap links.
        case siteRackID = 1
        /// As the config lists them; a member that joins comes after all of them. Every node must list the same.
        case listed = 2
    }

    /// Clockwise.
    package let members: [MemberDescription]
    package let order: Order
    /// The same for two configs with the same members in the same order, and hardly ever for two others (FNV-1a).
    package let digest: UInt64

    private let indexes: [NodeID: Int]

    /// The largest ring, in members.
    package static let membersMax = 1_000_000

    /// - Parameter members: in any order, unless `order` is ``Order/listed``. May be empty for a node that joins.
    /// - Throws: ``RingConfigError``.
    package init(members: [MemberDescription], order: Order = .siteRackID) throws(RingConfigError) {
        guard members.count <= Self.membersMax else {
            throw .tooManyMembers(count: members.count, limit: Self.membersMax)
        }
        switch order {
        case .siteRackID: self.members = members.sorted { $0.ringKey < $1.ringKey }
        case .listed: self.members = members
        }
        self.order = order
        var indexes: [NodeID: Int] = [:]
        indexes.reserveCapacity(members.count)
        var digest = StableHash()
        digest.combine([order.rawValue])
        for (index, member) in self.members.enumerated() {
            guard indexes.updateValue(index, forKey: member.id) == nil else { throw .listedTwice(member.id) }
            guard member.fitsIntoUpdate else { throw .textTooLong(member.id) }
            digest.combine(member)
        }
        self.indexes = indexes
        self.digest = digest.value
    }

    /// Where in ``members`` the node stands; nil when it is not listed.
    package func index(of node: NodeID) -> Int? {
        self.indexes[node]
    }

    /// The index of the listed member before which one with `key` stands that is not listed itself.
    func slot(for key: RingKey) -> Int {
        switch self.order {
        case .listed: self.members.count
        case .siteRackID: self.members.firstSortedIndex { $0.ringKey > key }
        }
    }
}

/// Why a list of members is no ring.
package enum RingConfigError: Error, Hashable, Sendable {
    case listedTwice(NodeID)
    /// Its address, site or rack is longer than ``MemberDescription`` allows.
    case textTooLong(NodeID)
    case tooManyMembers(count: Int, limit: Int)
}

/// What places a member on the ring: site, then rack, then name, each by its UTF-8 bytes.
struct RingKey: Hashable, Comparable, Sendable {
    var site: String
    var rack: String
    var id: NodeID

    static func < (left: RingKey, right: RingKey) -> Bool {
        if left.site != right.site { return left.site.precedes(right.site) }
        if left.rack != right.rack { return left.rack.precedes(right.rack) }
        return left.id < right.id
    }
}

extension MemberDescription {
    var ringKey: RingKey { RingKey(site: self.site, rack: self.rack, id: self.id) }

    /// Whether others can be told of it.
    package var fitsIntoUpdate: Bool {
        self.address.utf8.count <= Self.addressBytesMax && self.site.utf8.count <= Self.placeBytesMax
            && self.rack.utf8.count <= Self.placeBytesMax
    }
}

extension RandomAccessCollection where Index == Int {
    /// The index of the first element for which `isBeyond` holds, if it holds from some element on to the end; by
    /// binary search. `endIndex` when it holds for none.
    func firstSortedIndex(where isBeyond: (Element) -> Bool) -> Int {
        var low = self.startIndex
        var high = self.endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if isBeyond(self[middle]) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}

extension StableHash {
    fileprivate mutating func combine(_ member: MemberDescription) {
        for text in [member.id.name, member.address, member.site, member.rack] {
            self.combine(text.utf8)
            // No text contains it: so the borders between the texts count.
            self.combine([0xFF])
        }
    }
}
