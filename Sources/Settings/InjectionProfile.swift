import Basis

/// What load is put into the VMs of a deployment, and when, as its file describes it.
///
/// `configs/load.yaml` shows each key with its unit. docs/load.md tells what is done with it.
package struct InjectionProfile: Hashable, Sendable {
    /// As it was named, for what is found wrong when the VMs are known.
    package var file: String
    /// Of everything that is drawn.
    package var seed: UInt64
    package var duration: Duration
    /// In the file's order; where two are about one thing of one VM at one time, the later one holds.
    package var phases: [Phase]

    /// Some VMs for some time.
    package struct Phase: Hashable, Sendable {
        /// In the file, from 1.
        package var line: Int
        /// Names, and sets of them such as `vm-[1-4]`; with ``templates`` empty as well: every VM.
        package var vms: [String]
        package var templates: [String]
        /// Since the beginning; before ``until``.
        package var from: Duration
        package var until: Duration
        package var cpu: CPU?
        package var memory: InjectedMemory?
        /// How fast is written, in MiB per second.
        package var diskMiBPerSecond: Int?
        package var network: Network?
    }

    package enum CPU: Hashable, Sendable {
        /// Of each virtual CPU, 0...100.
        case steady(percent: Int)
        /// A VM has another share now and then, of ``Random``.
        case random(Random)
        /// - Parameter interval: from one sample of the file to the next.
        case trace(file: String, interval: Duration)
    }

    /// The load of VMPlaceS: normally distributed, in steps; each VM changes about once in a period.
    package struct Random: Hashable, Sendable {
        package var meanPercent = 60
        package var deviationPercent = 20
        /// Shares are multiples of it.
        package var stepPercent = 10
        package var period = Duration.seconds(300)

        package init() {}
    }

    package struct Network: Hashable, Sendable {
        /// The VM that it goes to.
        package var to: String
        package var mibPerSecond: Int
    }

    // What is allowed.
    package static let durationRange = Duration.seconds(1)...SettingsLimits.durationMax
    package static let percentRange = 0...100
    /// Less than three pieces of a MiB cannot be given other contents all the time.
    package static let memorySizeRange = 3...1_048_576
    package static let memoryRateRange = 1...65_536
    package static let diskRateRange = 1...4_096
    package static let networkRateRange = 1...100

    /// Reads a profile's file.
    ///
    /// - Parameters:
    ///   - file: its path; a trace's file is found from its folder.
    ///   - readFile: gives the text of a file; what it throws is shown to the operator.
    /// - Throws: ``InvalidSettings`` with every problem of the file.
    package static func read(
        file: String, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> InjectionProfile {
        try SettingsReading.whole(file, readFile) { root in InjectionReader.read(&root) }
    }
}

/// Memory that is written to again and again.
package struct InjectedMemory: Hashable, Sendable {
    /// How much is written to, one piece after the other.
    package var sizeMiB: Int
    package var mibPerSecond: Int

    package init(sizeMiB: Int, mibPerSecond: Int) {
        self.sizeMiB = sizeMiB
        self.mibPerSecond = mibPerSecond
    }
}
