/// Takes fields out of lines, and keeps everything that is wrong with them; the first ``InvalidInput/problemsMax``
/// are kept, the others counted.
struct TextReading {
    private(set) var problems: [InputProblem] = []
    private(set) var omitted = 0

    /// - Parameters:
    ///   - line: from 1.
    ///   - field: the name of the field; empty where the line as a whole is meant.
    mutating func report(line: Int, field: String = "", _ text: @autoclosure () -> String) {
        guard self.problems.count < InvalidInput.problemsMax else {
            self.omitted += 1
            return
        }
        self.problems.append(
            InputProblem(position: TextPosition(line: line, column: 1), path: field, text: text()))
    }

    /// - Throws: what was reported.
    func finish(_ source: String) throws(InvalidInput) {
        if !self.problems.isEmpty {
            throw InvalidInput(source: source, problems: self.problems, omitted: self.omitted)
        }
    }

    /// The lines of a text, each without its end.
    ///
    /// - Throws: for what is too long, and for what is not UTF-8.
    static func lines(_ bytes: [UInt8], named source: String) throws(InvalidInput) -> [Substring] {
        guard bytes.count <= JSONLimits.bytesMax else {
            throw InvalidInput(
                source: source, problems: [InputProblem(text: "it has more than \(JSONLimits.bytesMax >> 20) MiB")])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidInput(source: source, problems: [InputProblem(text: "it is no UTF-8 text")])
        }
        return text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    /// A whole number within `range`.
    mutating func integer(_ text: Substring, in range: ClosedRange<Int>, line: Int, field: String) -> Int? {
        guard let number = Int(text), range.contains(number), !text.hasPrefix("+") else {
            self.report(
                line: line, field: field,
                "found \(JSONValue.quoted(String(text))), expected a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
            return nil
        }
        return number
    }
}
