/// What was read from a foreign format, with what could not be taken over.
package struct ImportedSnapshot: Sendable {
    package var snapshot: Snapshot
    /// Sentences for people, in the order of the file.
    package var notes: [String]

    package init(_ snapshot: Snapshot, notes: [String] = []) {
        self.snapshot = snapshot
        self.notes = notes
    }
}

/// A decimal number, exactly: digits ÷ 10^places.
struct DecimalNumber: Hashable {
    /// More than these digits after the point are refused: a quotient with as many still fits into an `Int`.
    private static let placesMax = 9

    var digits: Int
    var scale: Int

    /// nil for what is not `[-]digits[.digits]`, or is too long.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, parts.allSatisfy({ !$0.isEmpty }), !whole.hasPrefix("+"),
            parts.count == 1 || parts[1].utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
        else { return nil }
        let fraction = parts.count == 1 ? "" : String(String(parts[1].reversed()).drop { $0 == "0" }.reversed())
        guard fraction.utf8.count <= Self.placesMax, let digits = Int(whole + fraction) else { return nil }
        self.digits = digits
        self.scale = fraction.utf8.reduce(1) { scale, _ in scale * 10 }
    }

    /// The number itself where it has no fraction.
    var whole: Int? { self.scale == 1 ? self.digits : nil }

    /// The product with `factor`, rounded half up; nil where it does not fit. Not for numbers below 0.
    func times(_ factor: Int) -> Int? {
        let (product, overflow) = self.digits.multipliedReportingOverflow(by: factor)
        guard !overflow, product >= 0, product < .max - self.scale else { return nil }
        return (product + self.scale / 2) / self.scale
    }
}
