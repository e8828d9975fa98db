/// The least that it costs to free any amount of one resource on one node, of the VMs that may still leave it.
///
/// A staircase: entry by entry more is freed and more is paid, and nothing that frees as much costs less. Built one VM
/// after the other, as in the dynamic programme for the knapsack problem; exact unless it was thinned.
struct CoverFrontier {
    /// A staircase with more entries is thinned: it then tells a lower bound.
    private static let entriesMax = 256

    struct Entry {
        /// How much is freed, in the units of the resource.
        var freed: Int
        var cost: MigrationCost
    }

    private(set) var entries: [Entry] = [Entry(freed: 0, cost: .zero)]

    /// Adds a VM that may leave.
    ///
    /// - Parameter limit: entries that cost more are of no interest.
    mutating func add(demand: Int, cost: MigrationCost, upTo limit: MigrationCost? = nil) {
        guard demand > 0 else { return }
        var merged: [Entry] = []
        merged.reserveCapacity(self.entries.count * 2)
        var (without, with) = (0, 0)
        while without < self.entries.count || with < self.entries.count {
            // Of equal costs the one that frees more comes first and so hides the other.
            let next: Entry
            if with == self.entries.count {
                next = self.entries[without]
                without += 1
            } else {
                let taken = Entry(freed: self.entries[with].freed + demand, cost: self.entries[with].cost + cost)
                if without < self.entries.count,
                    self.entries[without].cost < taken.cost
                        || self.entries[without].cost == taken.cost && self.entries[without].freed > taken.freed
                {
                    next = self.entries[without]
                    without += 1
                } else {
                    next = taken
                    with += 1
                }
            }
            if let limit, limit < next.cost { break }
            if merged.last.map({ $0.freed < next.freed }) ?? true { merged.append(next) }
        }
        self.entries = merged
        if self.entries.count > Self.entriesMax { self.thin() }
    }

    /// The least that it costs to free `amount`; nil when all VMs that may leave together want less.
    func cost(toFree amount: Int) -> MigrationCost? {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].freed < amount { low = middle + 1 } else { high = middle }
        }
        return low < self.entries.count ? self.entries[low].cost : nil
    }

    /// Joins entries two by two, each pair freeing what the better one frees at the price of the cheaper one.
    private mutating func thin() {
        var thinned: [Entry] = [self.entries[0]]
        for index in stride(from: 1, to: self.entries.count, by: 2) {
            let better = self.entries[min(index + 1, self.entries.count - 1)]
            thinned.append(Entry(freed: better.freed, cost: self.entries[index].cost))
        }
        self.entries = thinned
    }
}
