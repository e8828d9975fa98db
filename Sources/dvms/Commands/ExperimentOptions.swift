import ArgumentParser
import Settings
import Simulation

/// What a command line says of an experiment; nil where it says nothing.
struct ExperimentOptions: ParsableArguments {
    @Option(help: "What to begin with: \(Experiment.Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
    var preset: Experiment.Preset?

    @Option(help: "How many nodes, 2 to 100000.")
    var nodes: Int?

    @Option(help: "How many VMs on each at first, 1 to 100.")
    var vmsPerNode: Int?

    @Option(
        help: ArgumentHelp("How long in virtual time: 1800s.", valueName: "duration"), transform: PlanArguments.duration
    )
    var duration: Duration?

    @Option(
        help: "Who looks after the fleet: \(Experiment.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")).")
    var algorithm: Experiment.Algorithm?

    @Option(help: "At how many sites the nodes are.")
    var sites: Int?

    @Option(help: "In how many racks the nodes of each site are.")
    var racks: Int?

    @Option(help: "With how many nodes an agent plans for the first time: more give it a choice of destinations.")
    var partitionMin: Int?

    @Option(help: "Above how much of what its VMs may have a node acts, in percent.")
    var trigger: Int?

    @Option(help: "For how many seconds in a row before it does, unless they want more than they may have.")
    var triggerHold: Int?

    @Option(help: "How much of what a VM wants above or below the average is expected to stay, in percent.")
    var demandPersistence: Int?

    @Option(help: "Below how much of what its VMs may have a node is emptied, in percent; 0 for never.")
    var underload: Int?

    @Option(help: "How fast a VM writes to memory at most, in percent of the link, in whole tens; drawn for each VM.")
    var dirtyPercent: Int?

    @Option(help: ArgumentHelp("A recorded load: a line for each VM, a percent every 300 s.", valueName: "csv"))
    var trace: String?

    @Option(help: "The first seed.")
    var seed: Int?

    @Option(help: "How many seeds, one after the other; as many at once as there are processors.")
    var runs: Int?

    func validate() throws {
        typealias Limits = SimulationSettings
        try Self.check(self.nodes, "--nodes", Limits.nodesRange)
        try Self.check(self.vmsPerNode, "--vms-per-node", Limits.vmsPerNodeRange)
        try Self.check(self.sites, "--sites", Limits.sitesRange)
        try Self.check(self.racks, "--racks", Limits.racksRange)
        try Self.check(self.partitionMin, "--partition-min", Limits.partitionMinRange)
        try Self.check(self.trigger, "--trigger", Limits.triggerRange)
        try Self.check(self.triggerHold, "--trigger-hold", Limits.triggerHoldRange)
        try Self.check(self.demandPersistence, "--demand-persistence", Limits.demandPersistenceRange)
        try Self.check(self.underload, "--underload", Limits.underloadRange)
        try Self.check(self.dirtyPercent, "--dirty-percent", Limits.dirtyRange)
        try Self.check(self.seed, "--seed", 0...Int.max)
        try Self.check(self.runs, "--runs", Limits.runsRange)
        if let duration = self.duration, !Limits.durationRange.contains(duration) {
            throw ValidationError("--duration is 1s to 2592000s")
        }
    }

    private static func check(_ value: Int?, _ name: String, _ range: ClosedRange<Int>) throws {
        guard let value, !range.contains(value) else { return }
        throw ValidationError("\(name) is \(range.lowerBound) to \(range.upperBound), got \(value)")
    }

    /// What the command line says, and for the rest what `settings` say.
    func applied(to settings: SimulationSettings) -> SimulationSettings {
        var merged = settings
        merged.preset = self.preset?.rawValue ?? settings.preset
        merged.nodes = self.nodes ?? settings.nodes
        merged.vmsPerNode = self.vmsPerNode ?? settings.vmsPerNode
        merged.sites = self.sites ?? settings.sites
        merged.racks = self.racks ?? settings.racks
        merged.duration = self.duration ?? settings.duration
        merged.algorithm = self.algorithm?.rawValue ?? settings.algorithm
        merged.partitionMin = self.partitionMin ?? settings.partitionMin
        merged.triggerPercent = self.trigger ?? settings.triggerPercent
        merged.triggerHold = self.triggerHold ?? settings.triggerHold
        merged.demandPersistencePercent = self.demandPersistence ?? settings.demandPersistencePercent
        merged.underloadPercent = self.underload ?? settings.underloadPercent
        merged.dirtyPercent = self.dirtyPercent ?? settings.dirtyPercent
        merged.load = self.trace.map { .trace(file: $0, interval: nil) } ?? settings.load
        merged.seed = self.seed ?? settings.seed
        merged.runs = self.runs ?? settings.runs
        return merged
    }
}

extension Experiment.Algorithm: ExpressibleByArgument {}
extension Experiment.Preset: ExpressibleByArgument {}
