import Placement

/// The keys of one kind of object in a format. The schemas in `docs/schemas` say the same; a test compares them.
package struct ObjectFormat: Sendable {
    package let required: [String]
    package let optional: [String]

    private init(_ required: [String], optional: [String] = []) {
        self.required = required
        self.optional = optional
    }

    private static let firm = [Resource.cpu.key, Resource.memory.key]
    private static let rates = [Resource.disk.key, Resource.network.key]

    package static let snapshot = ObjectFormat(
        ["format", "nodes", "vms"], optional: ["partition", "outside", "constraints", "policy"])
    package static let node = ObjectFormat(
        ["id", "capacity"],
        optional: [
            "reserved", "overcommit_percent", "state", "site", "rack", "link_mbps", "overload_percent",
            "underload_percent",
        ])
    /// A capacity or a demand.
    package static let resources = ObjectFormat(Self.firm, optional: Self.rates)
    /// What is kept back.
    package static let reserved = ObjectFormat([], optional: Self.firm + Self.rates)
    package static let percents = ObjectFormat(
        [], optional: Resource.allCases.map(\.key) + Resource.allCases.map(\.shortKey))
    package static let vm = ObjectFormat(
        ["id", "node", "demand"], optional: ["vcpus", "migratable", "rooted_because", "dirty_mib_s", "cpu_variance"])
    /// A VM that is no part of the problem.
    package static let outsider = ObjectFormat(["vm", "node"])
    /// What only `balance` has.
    package static let balanceKeys = ["moves_max", "memory_mib_max", "gain_min_permille"]
    package static let policy = ObjectFormat(
        ["name"],
        optional: [
            "overload_percent", "target_percent", "underload_percent", "node", "flights_in_max", "flights_out_max",
            "weights", "demand_persistence_percent",
        ] + Self.balanceKeys)

    package static let weights = ObjectFormat(
        [], optional: ["memory_percent", "dirty_percent", "link_percent", "each_mib"])

    package static let plan = ObjectFormat([
        "format", "status", "violations_before", "violations_after", "cost", "steps", "duration_s", "solve_ms",
    ])
    package static let cost = ObjectFormat(["migrations", "memory_mib"], optional: ["bound_memory_mib"])
    package static let move = ObjectFormat(["vm", "from", "to", "reason"])
}
