import Basis

/// Facts that are still to be passed on, the least told first; one per member at the most.
///
/// Source: SWIM §4.1: each fact rides on a bounded number of messages, and the younger ones go first.
package struct GossipQueue: Sendable {
    /// By ascending ``Entry/told``.
    private var entries: [Entry] = []

    private struct Entry: Sendable {
        var update: MemberUpdate
        /// On how many messages it has been.
        var told: Int
    }

    package init() {}

    package var isEmpty: Bool { self.entries.isEmpty }

    /// How many facts wait.
    package var count: Int { self.entries.count }

    /// Adds a fact in place of the one about the same member.
    ///
    /// - Parameter limit: how many facts may wait; beyond it the most told one is dropped.
    package mutating func enqueue(_ update: MemberUpdate, limit: Int) {
        self.entries.removeAll { $0.update.member.id == update.member.id }
        self.entries.insert(Entry(update: update, told: 0), at: 0)
        if self.entries.count > limit {
            self.entries.removeLast()
        }
    }

    /// The facts for one message: as many as fit, the least told first.
    ///
    /// - Parameters:
    ///   - bytesMax: what they may measure together on the wire.
    ///   - transmissions: on how many messages a fact goes before it is forgotten.
    package mutating func take(bytesMax: Int, transmissions: Int) -> [MemberUpdate] {
        var bytesLeft = bytesMax
        var taken = 0
        while taken < self.entries.count, self.entries[taken].update.bytesBound <= bytesLeft,
            taken < MembershipMessage.updatesMax
        {
            bytesLeft -= self.entries[taken].update.bytesBound
            taken += 1
        }
        guard taken > 0 else { return [] }
        var told = Array(self.entries[..<taken])
        let updates = told.map(\.update)
        for index in told.indices {
            told[index].told += 1
        }
        told.removeAll { $0.told >= transmissions }
        self.entries = Self.merge(self.entries[taken...], told)
        return updates
    }

    /// Both in ascending order, and so is what comes out; of equals those of `first` come first.
    private static func merge(_ first: ArraySlice<Entry>, _ second: [Entry]) -> [Entry] {
        var merged: [Entry] = []
        merged.reserveCapacity(first.count + second.count)
        var rest = second[...]
        for entry in first {
            while let next = rest.first, next.told < entry.told {
                merged.append(rest.removeFirst())
            }
            merged.append(entry)
        }
        return merged + rest
    }
}

extension MemberUpdate {
    /// No less than this update measures on the wire, in bytes.
    package var bytesBound: Int {
        let texts =
            self.member.id.name.utf8.count + self.member.address.utf8.count + self.member.site.utf8.count
            + self.member.rack.utf8.count + (self.accuser?.name.utf8.count ?? 0)
        return texts + Self.bytesBesidesTexts
    }

    /// The most that any update measures on the wire, in bytes.
    package static let bytesMax =
        2 * NodeID.lengthMax + MemberDescription.addressBytesMax
        + 2 * MemberDescription.placeBytesMax + bytesBesidesTexts

    /// Lengths, tags, state and incarnation.
    private static let bytesBesidesTexts = 28
}
