import Basis
import Placement

/// What a file says of a simulation; nil where it says nothing. The words for presets and algorithms are the simulator's.
package struct SimulationSettings: Hashable, Sendable {
    package var preset: String?
    package var nodes: Int?
    package var vmsPerNode: Int?
    package var vcpus: Int?
    package var sites: Int?
    package var siteLatency: Duration?
    package var racks: Int?
    package var rackLatency: Duration?
    package var duration: Duration?
    package var algorithm: String?
    package var partitionMin: Int?
    package var triggerPercent: Int?
    package var triggerHold: Int?
    package var demandPersistencePercent: Int?
    package var underloadPercent: Int?
    package var dirtyPercent: Int?
    package var seed: Int?
    package var runs: Int?
    /// What a host's disk and network give its guests, in MiB per second; 0 is no limit.
    package var hostDiskMiBPerSecond: Int?
    package var hostNetworkMiBPerSecond: Int?
    package var load: Load?
    package var churn: Churn?

    package enum Load: Hashable, Sendable {
        /// - Parameters:
        ///   - low: of the mean, at the low of a wave of this period; both or neither.
        ///   - shares: what guests want besides their CPUs.
        case stepped(
            period: Duration?, meanPercent: Int?, deviationPercent: Int?, lowPercent: Int?, wave: Duration?,
            shares: Shares = Shares())
        case redrawn(interval: Duration?, meanPercent: Int?, deviationPercent: Int?)
        case trace(file: String, interval: Duration?)
    }

    /// What guests want besides their CPUs; nil for nothing.
    package struct Shares: Hashable, Sendable {
        package var disk: Share?
        package var network: Share?
        package var dirty: Share?

        package init(disk: Share? = nil, network: Share? = nil, dirty: Share? = nil) {
            self.disk = disk
            self.network = network
            self.dirty = dirty
        }
    }

    package struct Share: Hashable, Sendable {
        /// What 100 % are.
        package var mostMiBPerSecond: Int
        package var meanPercent: Int?
        package var deviationPercent: Int?
        /// Nil when it changes with the CPU load.
        package var period: Duration?

        package init(mostMiBPerSecond: Int, meanPercent: Int?, deviationPercent: Int?, period: Duration?) {
            self.mostMiBPerSecond = mostMiBPerSecond
            self.meanPercent = meanPercent
            self.deviationPercent = deviationPercent
            self.period = period
        }
    }

    package struct Churn: Hashable, Sendable {
        package var uptime: Duration?
        package var downtime: Duration?
    }

    package init() {}

    // What is allowed, here and on a command line.
    package static let nodesRange = 2...100_000
    package static let vmsPerNodeRange = 1...100
    package static let vcpusRange = 1...64
    package static let sitesRange = 1...1_000
    package static let siteLatencyRange = Duration.zero...Duration.seconds(1)
    /// At each site.
    package static let racksRange = 1...1_000
    package static let rackLatencyRange = Duration.zero...Duration.seconds(1)
    package static let durationRange = Duration.seconds(1)...SettingsLimits.durationMax
    package static let partitionMinRange = 2...64
    package static let triggerRange = 50...100
    package static let triggerHoldRange = 1...1_000
    package static let demandPersistenceRange = PlacementProblem.demandPersistenceRange
    package static let underloadRange = 0...49
    package static let dirtyRange = 0...100
    /// In MiB per second: of a host, and of what a guest may want at most.
    package static let hostRateRange = 0...1_000_000
    package static let shareRange = 1...1_000_000
    package static let runsRange = 1...10_000

    /// The words that a file may use.
    package struct Words {
        package var presets: [String]
        package var algorithms: [String]

        package init(presets: [String], algorithms: [String]) {
            self.presets = presets
            self.algorithms = algorithms
        }
    }

    /// Reads a scenario's file.
    ///
    /// - Parameters:
    ///   - file: its path; a trace's file is found from its folder.
    ///   - readFile: gives the text of a file; what it throws is shown to the operator.
    /// - Throws: ``InvalidSettings`` with every problem of the file.
    package static func read(
        file: String, words: Words, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> SimulationSettings {
        try SettingsReading.whole(file, readFile) { root in SimulationReader.read(&root, words) }
    }
}
