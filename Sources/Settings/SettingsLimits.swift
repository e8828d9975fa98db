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

    /// To the nanosecond, in the largest unit up to seconds of which there is a whole one, with the decimals that it
    /// takes: `57.857949909s`, `1.5ms`.
    package static func exact(_ duration: Duration) -> String {
        let nanoseconds = duration.inNanoseconds
        precondition(nanoseconds >= 0, "a config file has no negative durations")
        let units: [(String, Int64, decimals: Int)] = [("s", 1_000_000_000, 9), ("ms", 1_000_000, 6), ("us", 1_000, 3)]
        for (unit, factor, decimals) in units where nanoseconds >= factor {
            return DecimalText.of(nanoseconds, decimals: decimals) + unit
        }
        return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
    }

    /// Rounded up to a microsecond, for numbers that were calculated.
    static func ofRoundedUp(_ duration: Duration) -> String {
        self.of(.microseconds((duration.inNanoseconds + 999) / 1_000))
    }
}

/// Numbers with a point, as config files write them.
package enum DecimalText {
    /// So many parts, of which 10 to the power of `decimals` make one, without zeros at the end: 30,000 with six decimals
    /// are `0.03`.
    package static func of(_ parts: Int64, decimals: Int) -> String {
        precondition(parts >= 0 && decimals > 0, "config files have no negative numbers")
        let digits = String(parts)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let whole = padded.dropLast(decimals)
        guard let end = padded.suffix(decimals).lastIndex(where: { $0 != "0" }) else { return String(whole) }
        return "\(whole).\(padded[whole.endIndex...end])"
    }
}
