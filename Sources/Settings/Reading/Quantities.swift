import Basis

/// Reads one scalar of a config file: text to a value, or the words for what was expected.
///
/// Every quantity bears its unit in the file, so that nobody has to guess whether a 10 means seconds or
/// milliseconds. All arithmetic is on integers; a number finer than the unit that the program counts in is refused.
package enum Quantities {
    package struct Unexpected: Error {
        package var expected: String

        package init(expected: String) {
            self.expected = expected
        }
    }

    /// How many digits may follow the point: a nanosecond is the ninth of a second.
    private static let decimalsMax = 9

    package static func duration(_ text: String) throws(Unexpected) -> Duration {
        let units: [String: Int64] = [
            "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000, "h": 3_600_000_000_000,
        ]
        guard let nanoseconds = scaled(text, by: units) else {
            throw Unexpected(expected: "a duration with its unit (ns, us, ms, s, min, h), such as 2.5s or 250ms")
        }
        return .nanoseconds(nanoseconds)
    }

    /// In MiB.
    static func size(_ text: String) throws(Unexpected) -> Int {
        guard let mebibytes = scaled(text, by: ["MiB": 1, "GiB": 1 << 10, "TiB": 1 << 20]) else {
            throw Unexpected(expected: "a size in whole MiB with its unit (MiB, GiB, TiB), such as 512MiB or 8GiB")
        }
        return Int(mebibytes)
    }

    /// In millicores.
    package static func cpu(_ text: String) throws(Unexpected) -> Int {
        guard let millicores = scaled(text, by: ["": 1_000, "m": 1]) else {
            throw Unexpected(expected: "cores (4, 0.5) or millicores (4000m)")
        }
        return Int(millicores)
    }

    /// In MiB per second; the word `unlimited` is 0.
    static func bandwidth(_ text: String) throws(Unexpected) -> Int {
        if text == "unlimited" { return 0 }
        guard let mebibytes = scaled(text, by: ["MiB/s": 1, "GiB/s": 1 << 10]), mebibytes > 0 else {
            throw Unexpected(expected: "a bandwidth in whole MiB/s with its unit (MiB/s, GiB/s), or unlimited")
        }
        return Int(mebibytes)
    }

    /// In Mbit per second.
    static func linkSpeed(_ text: String) throws(Unexpected) -> Int {
        guard let megabits = scaled(text, by: ["Mbit/s": 1, "Gbit/s": 1_000]) else {
            throw Unexpected(expected: "a link speed in whole Mbit/s with its unit (Mbit/s, Gbit/s), such as 10Gbit/s")
        }
        return Int(megabits)
    }

    package static func percent(_ text: String) throws(Unexpected) -> Int {
        guard let percent = scaled(text, by: ["%": 1]) else {
            throw Unexpected(expected: "whole percent with the sign, such as 80%")
        }
        return Int(percent)
    }

    /// A small number without unit, in parts per million.
    package static func fraction(_ text: String) throws(Unexpected) -> Int {
        guard let partsPerMillion = scaled(text, by: ["": 1_000_000]) else {
            throw Unexpected(expected: "a fraction with at most six decimals, such as 0.001")
        }
        return Int(partsPerMillion)
    }

    package static func count(_ text: String) throws(Unexpected) -> Int {
        guard let number = scaled(text, by: ["": 1]) else { throw Unexpected(expected: "a whole number") }
        return Int(number)
    }

    package static func flag(_ text: String) throws(Unexpected) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw Unexpected(expected: "true or false")
        }
    }

    /// The number before the unit times the unit's factor.
    ///
    /// - Returns: nil when there is no number, the unit is not in `units`, the product is not whole, or it does not
    ///   fit into an `Int64`.
    private static func scaled(_ text: String, by units: [String: Int64]) -> Int64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let factor = units[String(text.dropFirst(number.count))], parts.count <= 2,
            parts.allSatisfy({ !$0.isEmpty }), let whole = Int64(parts[0])
        else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return product }

        guard parts[1].count <= Self.decimalsMax, let decimals = Int64(parts[1]) else { return nil }
        let scale = (0..<parts[1].count).reduce(Int128(1)) { power, _ in power * 10 }
        // Of hours, nine decimals do not fit into 64 bits; the quotient is less than the factor.
        let (quotient, remainder) = (Int128(factor) * Int128(decimals)).quotientAndRemainder(dividingBy: scale)
        let (sum, overflowOfSum) = product.addingReportingOverflow(Int64(quotient))
        guard remainder == 0, !overflowOfSum else { return nil }
        return sum
    }
}
