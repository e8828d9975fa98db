import Basis
import ClusterActors
import Placement

/// Something in a scenario file that cannot be read.
package struct ScenarioProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// From 1.
    package var line: Int
    package var expected: String
    /// Nil where the line ends too early.
    package var found: String?

    package var description: String {
        "\(self.file):\(self.line): expected \(self.expected), got \(self.found.map { "'\($0)'" } ?? "the end of the line")"
    }
}

/// Everything in a scenario file that cannot be read, in the order of the lines.
package struct InvalidScenario: Error, Hashable, Sendable, CustomStringConvertible {
    package var problems: [ScenarioProblem]

    package var description: String { self.problems.map(\.description).joined(separator: "\n") }
}

/// One line of a scenario file, read word by word.
///
/// Words stand between blanks; quotation marks hold a text with blanks together; `#` at the beginning of a word ends
/// the line.
struct ScenarioWords {
    let file: String
    let line: Int
    private var words: ArraySlice<String>

    init(_ text: Substring, file: String, line: Int) {
        self.file = file
        self.line = line
        self.words = Self.split(text)[...]
    }

    private static func split(_ text: Substring) -> [String] {
        var words: [String] = []
        var rest = text.drop(while: \.isWhitespace)
        while let first = rest.first, first != "#" {
            if first == "\"" {
                words.append(String(rest.dropFirst().prefix { $0 != "\"" }))
                rest = rest.dropFirst().drop { $0 != "\"" }.dropFirst()
            } else {
                words.append(String(rest.prefix { !$0.isWhitespace }))
                rest = rest.drop { !$0.isWhitespace }
            }
            rest = rest.drop(while: \.isWhitespace)
        }
        return words
    }

    var isEmpty: Bool { self.words.isEmpty }
    var peek: String? { self.words.first }

    /// Everything up to the end of the line.
    mutating func takeRest() -> String {
        defer { self.words = [] }
        return self.words.joined(separator: " ")
    }

    func problem(expected: String, found: String?) -> ScenarioProblem {
        ScenarioProblem(file: self.file, line: self.line, expected: expected, found: found)
    }

    mutating func next(_ expected: String) throws(ScenarioProblem) -> String {
        guard let word = self.words.popFirst() else { throw self.problem(expected: expected, found: nil) }
        return word
    }

    /// Reads over `word` if it comes next.
    mutating func skip(_ word: String) -> Bool {
        guard self.words.first == word else { return false }
        self.words.removeFirst()
        return true
    }

    mutating func require(_ word: String) throws(ScenarioProblem) {
        guard self.skip(word) else { throw self.problem(expected: "'\(word)'", found: self.peek) }
    }

    func requireEnd() throws(ScenarioProblem) {
        guard self.isEmpty else { throw self.problem(expected: "the end of the line", found: self.peek) }
    }

    /// Reads the next word as `read` does; nil is refused with what was expected.
    mutating func value<Value>(
        _ expected: String, _ read: (String) -> Value?
    ) throws(ScenarioProblem) -> Value {
        let word = try self.next(expected)
        guard let value = read(word) else { throw self.problem(expected: expected, found: word) }
        return value
    }

    mutating func choice<Value>(_ choices: KeyValuePairs<String, Value>) throws(ScenarioProblem) -> Value {
        let names = choices.map(\.key).joined(separator: ", ")
        return try self.value("one of \(names)") { word in choices.first { $0.key == word }?.value }
    }

    mutating func duration() throws(ScenarioProblem) -> Duration {
        try self.value("a duration with its unit, such as 250ms, 2.5s or 10min", ScenarioQuantity.duration)
    }

    mutating func count() throws(ScenarioProblem) -> Int {
        try self.value("a whole number", ScenarioQuantity.count)
    }

    mutating func millicores() throws(ScenarioProblem) -> Int {
        try self.value("millicores, such as 1500m", ScenarioQuantity.millicores)
    }

    mutating func isp() throws(ScenarioProblem) -> ISPID {
        try self.value("an ISP, such as n1#1.1") { ISPID($0) }
    }
}

/// The numbers of scenario files; each bears its unit.
enum ScenarioQuantity {
    static func duration(_ text: String) -> Duration? {
        let units: KeyValuePairs<String, Int64> = ["ms": 1_000, "min": 60_000_000, "s": 1_000_000, "h": 3_600_000_000]
        for (unit, microseconds) in units where text.hasSuffix(unit) {
            guard let scaled = Self.thousandths(String(text.dropLast(unit.count))) else { return nil }
            return .microseconds(scaled * microseconds / 1_000)
        }
        return nil
    }

    static func count(_ text: String) -> Int? {
        guard let count = Int(text), (0...Resources.amountMax).contains(count) else { return nil }
        return count
    }

    static func millicores(_ text: String) -> Int? { Self.whole(text, "m") }

    static func mebibytes(_ text: String) -> Int? { Self.whole(text, "MiB") }

    static func mebibytesPerSecond(_ text: String) -> Int? { text == "unlimited" ? 0 : Self.whole(text, "MiB/s") }

    static func megabitsPerSecond(_ text: String) -> Int? { Self.whole(text, "Mbit/s") }

    static func percent(_ text: String) -> Int? { Self.whole(text, "%") }

    static func flag(_ text: String) -> Bool? { Bool(text) }

    private static func whole(_ text: String, _ unit: String) -> Int? {
        text.hasSuffix(unit) ? Self.count(String(text.dropLast(unit.count))) : nil
    }

    /// A number with up to three decimals, in thousandths.
    private static func thousandths(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int64(parts[0]), (0...1_000_000).contains(whole) else { return nil }
        guard parts.count == 2 else { return whole * 1_000 }
        let decimals = String(parts[1])
        guard (1...3).contains(decimals.count), let fraction = Int64(decimals), fraction >= 0 else { return nil }
        let scale: [Int64] = [100, 10, 1]
        return whole * 1_000 + fraction * scale[decimals.count - 1]
    }
}
