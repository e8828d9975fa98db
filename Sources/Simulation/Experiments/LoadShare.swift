/// What of a guest a load changes.
package enum LoadKind: Hashable, Sendable, CaseIterable {
    case cpu
    case disk
    case network
    /// What it writes to memory.
    case dirty
}

/// What guests want besides their CPUs: now and then another share of the most that any may want.
package struct LoadShare: Hashable, Sendable {
    /// Not `cpu`.
    package var kind: LoadKind
    /// What 100 % are, in MiB per second.
    package var mostMiBPerSecond: Int
    package var meanPercent = 60
    package var deviationPercent = 20
    /// How long a guest keeps it on average; nil when it changes whenever the guest's CPU load does.
    package var period: Duration?

    package init(_ kind: LoadKind, mostMiBPerSecond: Int) {
        precondition(kind != .cpu && mostMiBPerSecond >= 0, "a share is of a rate besides the CPU's")
        self.kind = kind
        self.mostMiBPerSecond = mostMiBPerSecond
    }
}
