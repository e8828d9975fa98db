package import Foundation

extension String {
    /// This text without what would move a terminal's cursor: line breaks and tabs become blanks, other control
    /// characters a replacement character.
    package var onOneLine: String {
        String(
            String.UnicodeScalarView(
                self.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control: scalar.properties.isWhitespace ? " " : "\u{FFFD}"
                    case .lineSeparator, .paragraphSeparator: " "
                    case .format: "\u{FFFD}"
                    default: scalar
                    }
                }))
    }

    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }

    func indented(by width: Int) -> String {
        let blanks = String(repeating: " ", count: width)
        return self.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : blanks + $0 }.joined(separator: "\n")
    }
}

/// Numbers with their units, as people read them.
package enum Figures {
    /// `1 node`, `2 nodes`.
    package static func count(_ number: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
        "\(number) \(number == 1 ? one : many ?? one + "s")"
    }

    /// In the two largest units that say anything: `350 ms`, `2.410 s`, `3 min 12 s`, `4 d 3 h`.
    package static func duration(milliseconds: some BinaryInteger) -> String {
        guard milliseconds >= 1_000 else { return "\(max(0, milliseconds)) ms" }
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        if seconds < 60 { return "\(seconds).\(Self.threeDigits(rest)) s" }
        for (unit, length, smaller, smallerLength) in Self.units where Int(clamping: seconds) >= length {
            let seconds = Int(clamping: seconds)
            let small = seconds % length / smallerLength
            return small == 0 ? "\(seconds / length) \(unit)" : "\(seconds / length) \(unit) \(small) \(smaller)"
        }
        return "\(seconds) s"
    }

    private static let units = [
        ("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1),
    ]

    /// Always in seconds, to the millisecond: what is compared with other figures.
    package static func seconds(milliseconds: some BinaryInteger) -> String {
        let (seconds, rest) = max(0, milliseconds).quotientAndRemainder(dividingBy: 1_000)
        return "\(seconds).\(Self.threeDigits(rest))"
    }

    /// In the largest unit of which there is at least one: `512 B`, `1.5 KiB`.
    package static func bytes(_ count: UInt64) -> String {
        var (value, unit) = (Double(count), "B")
        for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
            (value, unit) = (value / 1_024, larger)
        }
        return unit == "B" ? "\(count) B" : "\(Self.oneDecimal(value)) \(unit)"
    }

    /// What share of `whole` `part` is, rounded to a tenth; `-` where there is no whole.
    package static func percent(_ part: Int, of whole: Int) -> String {
        whole > 0 ? Self.oneDecimal(Double(part) / Double(whole) * 100) : "-"
    }

    private static func oneDecimal(_ value: Double) -> String {
        String(format: "%.1f", locale: Locale(identifier: "en_US_POSIX"), value)
    }

    private static func threeDigits(_ number: some BinaryInteger) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }
}

/// Writes points in time as the operator's clock shows them.
package struct WallClockText: Sendable {
    private let calendar: Calendar

    package init(timeZone: TimeZone) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        self.calendar = calendar
    }

    /// `2026-07-04 14:03:07.123`.
    package func text(milliseconds: UInt64) -> String {
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        let date = Date(timeIntervalSince1970: TimeInterval(min(seconds, Self.secondsMax)))
        let parts = self.calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        return String(
            format: "%04d-%02d-%02d %02d:%02d:%02d.%03d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0,
            parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0, Int(rest))
    }

    /// The end of the year 9999: what is later is no time of this program.
    private static let secondsMax: UInt64 = 253_402_300_799
}
