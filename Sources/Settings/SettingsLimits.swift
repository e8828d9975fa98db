import Basis

/// The bounds of what a config file may say.
package enum SettingsLimits {
    /// The longest duration that can be set.
    package static let durationMax = Duration.seconds(30 * 24 * 3_600)
    /// The longest text: a path, a URI, a site.
    package static let textBytesMax = 1_024
    /// The most entries of one list; of `ring.nodes` above all.
    package static let listMax = 10_000
    /// The longest path of a UNIX socket, in bytes (unix(7): `sun_path` has 108, the last one is the zero).
    package static let socketPathBytesMax = 107
}

/// Durations as a config file writes them.
package enum DurationText {
    /// In the largest unit that gives a whole number, `2500ms`, `30min`.
    package static func of(_ duration: Duration) -> String {
        let nanoseconds = duration.inNanoseconds
        let units: [(String, Int64)] = [
            ("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000),
        ]
        for (unit, factor) in units where nanoseconds != 0 && nanoseconds % factor == 0 {
            return "\(nanoseconds / factor)\(unit)"
        }
        return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
    }

    /// Rounded up to a microsecond, for numbers that were calculated.
    static func ofRoundedUp(_ duration: Duration) -> String {
        self.of(.microseconds((duration.inNanoseconds + 999) / 1_000))
    }
}
