package import ControlProtocol

/// What `dvms events` shows: a line per event, told as it comes, so that widths are fixed beforehand.
package struct EventReport: Sendable {
    private static let timeWidth = "2026-07-04 14:03:07.123".count
    private static let sequenceWidth = 10
    private static let ispWidth = 14

    private let clock: WallClockText

    package init(clock: WallClockText) {
        self.clock = clock
    }

    package var heading: String {
        let number = Self.atRight("NUMBER")
        return "TIME".padded(to: Self.timeWidth) + "  \(number)  " + "ISP".padded(to: Self.ispWidth) + "  EVENT"
    }

    package func line(of event: ControlEvent) -> String {
        let number = Self.atRight("\(event.sequence)")
        let isp = (event.isp ?? "-").onOneLine.padded(to: Self.ispWidth)
        return
            "\(self.clock.text(milliseconds: event.wallMilliseconds))  \(number)  \(isp)  \(Self.sentence(of: event))"
    }

    private static func atRight(_ number: String) -> String {
        String(repeating: " ", count: max(0, Self.sequenceWidth - number.count)) + number
    }

    /// The event's sentence, with the guest where it does not name it itself.
    static func sentence(of event: ControlEvent) -> String {
        guard let vm = event.vm, !event.text.contains(vm) else { return event.text.onOneLine }
        return "\(vm): \(event.text)".onOneLine
    }
}
