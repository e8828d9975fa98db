/// A piece of HTML or SVG. Text that is interpolated is escaped, so that no name can become markup.
struct Markup: ExpressibleByStringInterpolation, Sendable {
    let text: String

    init(stringLiteral value: String) {
        self.text = value
    }

    init(stringInterpolation: StringInterpolation) {
        self.text = stringInterpolation.text
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            self.text.reserveCapacity(literalCapacity)
        }

        mutating func appendLiteral(_ literal: String) {
            self.text += literal
        }

        mutating func appendInterpolation(_ text: String) {
            for scalar in text.onOneLine.unicodeScalars {
                switch scalar {
                case "&": self.text += "&amp;"
                case "<": self.text += "&lt;"
                case ">": self.text += "&gt;"
                case "\"": self.text += "&quot;"
                default: self.text.unicodeScalars.append(scalar)
                }
            }
        }

        mutating func appendInterpolation(_ number: Int) {
            self.text += "\(number)"
        }

        /// A coordinate, to a tenth.
        mutating func appendInterpolation(_ coordinate: Double) {
            let tenths = Int((coordinate * 10).rounded())
            let (whole, rest) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
            self.text += (tenths < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
        }

        mutating func appendInterpolation(_ markup: Markup) {
            self.text += markup.text
        }

        mutating func appendInterpolation(_ pieces: [Markup]) {
            for piece in pieces { self.text += piece.text }
        }
    }
}

extension Figures {
    /// With commas between thousands: `1,234,567`.
    static func grouped(_ number: Int) -> String {
        var digits = "\(number.magnitude)"
        var end = digits.endIndex
        while let comma = digits.index(end, offsetBy: -3, limitedBy: digits.startIndex), comma > digits.startIndex {
            digits.insert(",", at: comma)
            end = comma
        }
        return number < 0 ? "-\(digits)" : digits
    }

    /// With a comma between thousands, and what is counted: `1,234 nodes`.
    static func groupedCount(_ number: Int, _ one: String) -> String {
        "\(Self.grouped(number)) \(number == 1 ? one : one + "s")"
    }

    /// An amount from 0 on in three digits, or in whole numbers where these take more: `0.25`, `8.64`, `71.6`, `1,234`.
    static func short(_ amount: Double) -> String {
        let scale = amount < 1 ? 1_000 : amount < 10 ? 100 : amount < 100 ? 10 : 1
        let (whole, rest) = Int((amount * Double(scale)).rounded()).quotientAndRemainder(dividingBy: scale)
        guard rest > 0 else { return Self.grouped(whole) }
        // The leading 1 keeps the zeros in front of `rest`.
        var decimals = "\(scale + rest)".dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(Self.grouped(whole)).\(decimals)"
    }
}
