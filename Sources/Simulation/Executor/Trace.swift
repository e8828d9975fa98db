package import Basis

/// What happened in a world, in order: a running hash over everything, and the last lines in words.
///
/// Two runs of a seed have equal hashes; a difference means that something in the simulated code depends on what the
/// seed does not decide (the order of a `Set`, a real clock, an address).
package struct Trace: Sendable {
    private struct Record: Sendable {
        var instant: MonotonicInstant
        var kind: StaticString
        var fields: KeyValuePairs<StaticString, TraceValue>
    }

    /// Of all events so far and of the order in which jobs ran. Not for keys.
    package private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    /// How many events were recorded.
    package private(set) var count = 0

    private let linesMax: Int
    private var recent: [Record] = []

    /// - Parameter linesMax: how many of the last events are kept for ``lines``.
    init(linesMax: Int) {
        self.linesMax = linesMax
    }

    mutating func record(
        _ kind: StaticString, at instant: MonotonicInstant, _ fields: KeyValuePairs<StaticString, TraceValue>
    ) {
        self.fold(UInt64(bitPattern: instant.nanoseconds))
        self.fold(kind)
        for (name, value) in fields {
            self.fold(name)
            self.fold(value)
        }
        self.keep(Record(instant: instant, kind: kind, fields: fields))
        self.count += 1
    }

    /// Lets a number that makes no line of its own change the hash.
    mutating func fold(_ word: UInt64) {
        let mixed = (self.hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        self.hash = mixed ^ (mixed >> 29)
    }

    /// The last events, oldest first: "1.250000000 reply from=n2 to=n1 bytes=12".
    package var lines: [String] {
        let oldest = self.count % max(1, self.linesMax)
        let wrapped = self.recent.count == self.linesMax
        let ordered = wrapped ? self.recent[oldest...] + self.recent[..<oldest] : self.recent[...]
        return ordered.map { record in
            let fields = record.fields.map { " \($0.key)=\($0.value)" }.joined()
            return "\(record.instant.inWords) \(record.kind)\(fields)"
        }
    }

    private mutating func keep(_ record: Record) {
        guard self.linesMax > 0 else { return }
        if self.recent.count < self.linesMax {
            self.recent.append(record)
        } else {
            self.recent[self.count % self.linesMax] = record
        }
    }

    private mutating func fold(_ text: StaticString) {
        text.withUTF8Buffer { bytes in
            self.fold(UInt64(bytes.count))
            for byte in bytes { self.fold(UInt64(byte)) }
        }
    }

    private mutating func fold(_ value: TraceValue) {
        switch value {
        case .number(let number):
            self.fold(UInt64(bitPattern: number))
        case .text(let text):
            self.fold(UInt64(text.utf8.count))
            for byte in text.utf8 { self.fold(UInt64(byte)) }
        }
    }
}

/// A field of a traced event.
package enum TraceValue: Hashable, Sendable, CustomStringConvertible {
    case number(Int64)
    case text(String)

    package static func node(_ node: NodeID) -> TraceValue { .text(node.name) }

    package static func count(_ count: Int) -> TraceValue { .number(Int64(count)) }

    package var description: String {
        switch self {
        case .number(let number): String(number)
        case .text(let text): text
        }
    }
}

extension TraceValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    package init(integerLiteral value: Int64) { self = .number(value) }

    package init(stringLiteral value: String) { self = .text(value) }
}

extension MonotonicInstant {
    /// Seconds with nine decimals, for traces: "12.000000350".
    var inWords: String {
        let (seconds, rest) = self.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let decimals = String(rest.magnitude)
        let sign = self.nanoseconds < 0 ? "-" : ""
        return "\(sign)\(seconds.magnitude).\(String(repeating: "0", count: 9 - decimals.count))\(decimals)"
    }
}
