import Foundation

/// Which seeds a test runs: its own, or the one that the environment asks for.
package enum Seeds {
    /// `DVMS_SEED=17` replays one seed of every test that draws them from here.
    package static let variable = "DVMS_SEED"

    /// - Returns: `seeds`, or the one seed of the environment.
    package static func chosen(_ seeds: ClosedRange<UInt64>) -> [UInt64] {
        guard let text = ProcessInfo.processInfo.environment[Self.variable] else { return Array(seeds) }
        guard let seed = UInt64(text) else { preconditionFailure("\(Self.variable)=\(text) is not a number from 0") }
        return [seed]
    }
}
