/// Writes names of hosts short.
///
/// Names of one shape, that is with numbers at the same places, are folded along the number that differs: first the
/// last one, then the one before it where whole brackets are equal, and so on to the first. So `r1n1 r1n2 r2n1 r2n2`
/// become `r[1-2]n[1-2]`. What has no partner stays as it is.
struct NodeSetFolding {
    private let names: [String]

    init(_ names: [String]) {
        self.names = names
    }

    /// A number as it is written: `07` is another than `7`, and has another width.
    private struct Number: Hashable, Comparable {
        /// Its digits: of any length, so it is never turned into an integer.
        var digits: String

        /// Written with a fixed number of digits.
        var isPadded: Bool { self.digits.utf8.count > 1 && self.digits.utf8.first == UInt8(ascii: "0") }

        static func < (left: Number, right: Number) -> Bool {
            let lengths = (left.digits.utf8.count, right.digits.utf8.count)
            return lengths.0 == lengths.1 ? left.digits < right.digits : lengths.0 < lengths.1
        }
    }

    /// One written pattern: text and numbers by turns, beginning and ending with a text.
    private struct Pattern: Hashable {
        var texts: [String]
        /// Each bracket as it is written, without its brackets; a plain number where there is one only.
        var fields: [String]
    }

    /// In the order of each shape's first name, shapes as they come.
    var text: String {
        var order: [[String]] = []
        var shapes: [[String]: [[Number]]] = [:]
        for name in self.names {
            let (texts, numbers) = Self.split(name)
            if shapes[texts] == nil { order.append(texts) }
            shapes[texts, default: []].append(numbers)
        }
        return order.flatMap { texts in
            Self.fold(shapes[texts] ?? [], texts: texts).map(Self.written)
        }.joined(separator: ",")
    }

    /// `r1n02.x` is the texts `r`, `n`, `.x` and the numbers `1`, `02`. Digits too many for a number in brackets are
    /// text.
    private static func split(_ name: String) -> (texts: [String], numbers: [Number]) {
        var texts: [String] = []
        var numbers: [Number] = []
        var text = ""
        var rest = Substring(name)
        while let first = rest.utf8.first {
            let run =
                first.isDigit ? rest.prefix { $0.isNumber && $0.isASCII } : rest.prefix { !($0.isNumber && $0.isASCII) }
            rest = rest.dropFirst(run.count)
            if first.isDigit, run.utf8.count <= 9 {
                texts.append(text)
                numbers.append(Number(digits: String(run)))
                text = ""
            } else {
                text += run
            }
        }
        return (texts + [text], numbers)
    }

    private static func fold(_ numbers: [[Number]], texts: [String]) -> [Pattern] {
        guard texts.count > 1 else { return [Pattern(texts: texts, fields: [])] }
        // Each row has numbers that are still to be folded, and the fields behind them that are.
        var rows = numbers.sorted { $0.lexicographicallyPrecedes($1) }.map { (numbers: $0, fields: [String]()) }
        for place in (0..<(texts.count - 1)).reversed() {
            var order: [Group] = []
            var groups: [Group: [Number]] = [:]
            for row in rows {
                let group = Group(before: Array(row.numbers[..<place]), fields: row.fields)
                if groups[group] == nil { order.append(group) }
                groups[group, default: []].append(row.numbers[place])
            }
            rows = order.map { ($0.before, [Self.field(groups[$0] ?? [])] + $0.fields) }
        }
        return rows.map { Pattern(texts: texts, fields: $0.fields) }
    }

    private struct Group: Hashable {
        var before: [Number]
        var fields: [String]
    }

    /// Numbers, ascending, as ranges of such as follow each other and are written alike.
    private static func field(_ numbers: [Number]) -> String {
        var ranges: [(first: Number, last: Number)] = []
        for number in numbers.sorted() {
            if let last = ranges.last, Self.follows(number, last.last, first: last.first) {
                ranges[ranges.count - 1].last = number
            } else {
                ranges.append((number, number))
            }
        }
        return ranges.map { range in
            range.first == range.last ? range.first.digits : "\(range.first.digits)-\(range.last.digits)"
        }.joined(separator: ",")
    }

    /// Whether a range that began with `first` and has come to `last` goes on with `number`: then reading the range
    /// must give it as it is written.
    private static func follows(_ number: Number, _ last: Number, first: Number) -> Bool {
        guard let value = Int(number.digits), let before = Int(last.digits), value == before + 1 else { return false }
        if first.isPadded { return number.digits.utf8.count == first.digits.utf8.count }
        return !number.isPadded
    }

    private static func written(_ pattern: Pattern) -> String {
        var text = pattern.texts[0]
        for (field, after) in zip(pattern.fields, pattern.texts.dropFirst()) {
            text += field.contains { $0 == "-" || $0 == "," } ? "[\(field)]" : field
            text += after
        }
        return text
    }
}
