import Basis
package import Settings

/// What happens to a ring, as a file says it that people can read and edit: `configs/fault-plan.yaml` shows each key.
///
/// What it does not say, the guests of each node, the agents' settings and their clocks, a seed still draws.
package struct FaultPlanFile: Hashable, Sendable {
    /// With which it was drawn; nil where it says nothing.
    package var seed: UInt64?
    /// How many there are, by name n1 to n`nodes`.
    package var nodes: Int?
    /// How long things go wrong.
    package var faultTime: Duration?
    /// In the order of their times.
    package var load: [Workload.Entry]
    package var plan: FaultPlan

    package init(
        seed: UInt64? = nil, nodes: Int? = nil, faultTime: Duration? = nil, load: [Workload.Entry], plan: FaultPlan
    ) {
        self.seed = seed
        self.nodes = nodes
        self.faultTime = faultTime
        self.load = load
        self.plan = plan
    }

    // What is allowed, here and on a command line. The most entries of a list, and the largest file, are those of all
    // config files.
    package static let nodesRange = 3...1_000
    package static let faultTimeRange = Duration.seconds(1)...Duration.seconds(86_400)
    /// What is later than the time of faults does not happen, and what lasts longer ends with it.
    static let timeRange = Duration.zero...Duration.seconds(86_400)
    static let cpuRange = 0...1_000_000
    static let periodRange = Duration.milliseconds(100)...Duration.seconds(86_400)
    /// A longer one would break invariants by itself.
    static let answerDelayRange = Duration.zero...FaultPlan.answerDelayMax
    static let linkDelayRange = Duration.zero...Duration.seconds(10)
    static let bandwidthRange = 1...100
    static let latencyRange = Duration.zero...Duration.seconds(10)
    static let lateRange = Duration.zero...Duration.seconds(60)
    static let shareRange = 0...1_000_000

    /// How many nodes a ring must have so that each that is named is there.
    package var nodesMin: Int {
        let loaded = self.load.map(\.act.node)
        let aimed = self.plan.entries.compactMap { if case .node(let index) = $0.aim { index } else { nil } }
        return ((loaded + aimed).max() ?? -1) + 1
    }

    /// - Parameters:
    ///   - file: its path, as problems name it.
    ///   - readFile: gives the text of a file; what it throws is shown to whoever wrote it.
    /// - Throws: ``InvalidSettings`` with every problem of the file.
    package static func read(
        file: String, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> FaultPlanFile {
        try SettingsReading.whole(file, readFile) { root in FaultPlanReader.read(&root) }
    }
}

/// A plan names a node that a ring does not have.
package struct NoSuchNode: Error, Hashable, CustomStringConvertible {
    package var nodes: Int
    /// How many nodes the plan is for, at least.
    package var nodesMin: Int

    package var description: String {
        "the plan names n\(self.nodesMin), and the ring has the nodes n1 to n\(self.nodes)"
    }
}
