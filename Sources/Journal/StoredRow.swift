import GRDB

/// One row as it stands in the file, read column by column.
///
/// What is not as this module writes it is a ``DamagedRow``; GRDB's own subscripts would end the process.
struct StoredRow {
    /// The tables, with the column that says of a row which it is.
    enum Table: String {
        case node
        case handover
        case move
        case event
        case isp
        case migration

        var key: String {
            switch self {
            case .node: "one"
            case .handover, .migration: "action"
            case .move: "number"
            case .event: "sequence"
            case .isp: "isp"
            }
        }
    }

    private let table: Table
    private let row: Row

    /// - Parameter row: with all columns of `table`.
    init(_ row: Row, of table: Table) {
        self.row = row
        self.table = table
    }

    func text(_ column: String) throws(DamagedRow) -> String {
        guard case .string(let text) = self.value(column).storage else { throw self.damage(column, "a text") }
        return text
    }

    func textIfAny(_ column: String) throws(DamagedRow) -> String? {
        self.isEmpty(column) ? nil : try self.text(column)
    }

    /// A number of things, of milliseconds, or one that counts up: never negative.
    func count<Number: FixedWidthInteger>(
        _ column: String, max: Number = Number.max
    ) throws(DamagedRow) -> Number {
        guard case .int64(let stored) = self.value(column).storage, stored >= 0,
            let number = Number(exactly: stored), number <= max
        else { throw self.damage(column, "an integer from 0 to \(min(UInt64(max), UInt64(Int64.max)))") }
        return number
    }

    func countIfAny<Number: FixedWidthInteger>(_ column: String) throws(DamagedRow) -> Number? {
        self.isEmpty(column) ? nil : try self.count(column)
    }

    func flag(_ column: String) throws(DamagedRow) -> Bool {
        try self.count(column, max: UInt8(1)) == 1
    }

    func facts(_ column: String) throws(DamagedRow) -> [String: String] {
        guard let facts = FactsText.decode(try self.text(column)) else {
            throw self.damage(column, "pairs of a name and a value")
        }
        return facts
    }

    func isEmpty(_ column: String) -> Bool { self.value(column).isNull }

    private func value(_ column: String) -> DatabaseValue { (self.row[column] as DatabaseValue?) ?? .null }

    private func damage(_ column: String, _ expected: String) -> DamagedRow {
        DamagedRow(
            table: self.table.rawValue, row: self.shown(self.table.key), column: column,
            reason: "\(self.shown(column)) instead of \(expected)")
    }

    /// How much of a column an error shows, in characters.
    private static let shownMax = 100

    private func shown(_ column: String) -> String { String(self.value(column).description.prefix(Self.shownMax)) }
}

/// A row that no version of this module writes.
struct DamagedRow: Error, CustomStringConvertible {
    var table: String
    /// What its key column holds.
    var row: String
    var column: String
    var reason: String

    var description: String { "table \(self.table), row \(self.row), column \(self.column): \(self.reason)" }
}

/// Facts as one text: pairs in the order of their keys, with the separators that ASCII has for records and units.
enum FactsText {
    private static let betweenPairs: Character = "\u{1E}"
    private static let withinPair: Character = "\u{1F}"

    static func encode(_ facts: [String: String]) -> String {
        facts.sorted { $0.key < $1.key }
            .map { "\(self.clean($0.key))\(self.withinPair)\(self.clean($0.value))" }
            .joined(separator: String(self.betweenPairs))
    }

    /// - Returns: nil for a text in which a name has no value.
    static func decode(_ text: String) -> [String: String]? {
        var facts: [String: String] = [:]
        for pair in text.split(separator: self.betweenPairs) {
            let parts = pair.split(separator: self.withinPair, maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            facts[String(parts[0])] = String(parts[1])
        }
        return facts
    }

    /// A separator within a fact has no meaning that could be lost.
    private static func clean(_ text: String) -> String {
        text.filter { $0 != self.betweenPairs && $0 != self.withinPair }
    }
}
