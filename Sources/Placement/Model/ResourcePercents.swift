/// A percentage for each resource.
package struct ResourcePercents: Hashable, Sendable {
    private var percents: SIMD4<Int>

    /// The same percentage of every resource.
    package init(all percent: Int) {
        self.percents = SIMD4(repeating: percent)
    }

    package init(cpu: Int = 100, memory: Int = 100, disk: Int = 100, network: Int = 100) {
        self.percents = SIMD4(cpu, memory, disk, network)
    }

    package subscript(resource: Resource) -> Int {
        get { self.percents[resource.rawValue] }
        set { self.percents[resource.rawValue] = newValue }
    }

    /// All that there is, and no more.
    package static let whole = ResourcePercents(all: 100)

    /// So much that it never binds.
    package static let unbounded = ResourcePercents(all: 1_000_000)
}
