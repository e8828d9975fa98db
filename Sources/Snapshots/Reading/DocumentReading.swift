import Basis

/// Takes values out of a JSON tree, and keeps everything that is wrong with it.
///
/// What it is asked for and does not find as expected it reports and answers with nil; so a reader goes on, and all
/// problems are told at once. Only the first ``InvalidInput/problemsMax`` are kept, the others counted: a file of
/// nonsense costs no more than one that is right.
struct DocumentReading {
    /// Among more names than this none is looked for that somebody may have meant: it would take too long.
    private static let candidatesMax = 1_000

    private enum Step {
        case key(String)
        case index(Int)
    }

    private struct Problem {
        var offset: Int
        var path: String
        var text: String
    }

    private var path: [Step] = []
    private var problems: [Problem] = []
    private var omitted = 0

    var isClean: Bool { self.problems.isEmpty }

    /// Reads a text with `read`, and throws whatever is wrong with it.
    ///
    /// - Parameter read: reports a problem where it answers nil.
    static func document<Value>(
        _ bytes: [UInt8], named source: String, _ read: (inout DocumentReading, JSONValue) -> Value?
    ) throws(InvalidInput) -> Value {
        let root: JSONValue
        do {
            root = try JSONReader.read(bytes)
        } catch {
            throw InvalidInput(source: source, problems: [InputProblem(position: error.position, text: error.text)])
        }
        var reading = DocumentReading()
        let value = read(&reading, root)
        guard let value, reading.isClean else {
            precondition(!reading.isClean, "a value that is not read is a problem")
            let sorted = reading.problems.enumerated().sorted {
                ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
            }
            throw InvalidInput(
                source: source,
                problems: sorted.map { _, problem in
                    InputProblem(
                        position: TextPosition(of: problem.offset, in: bytes), path: problem.path, text: problem.text)
                }, omitted: reading.omitted)
        }
        return value
    }

    // MARK: - Problems

    /// Reports a problem of the value that is being read.
    ///
    /// - Parameters:
    ///   - name: one that is not known, after which is told which of `candidates` was probably meant.
    mutating func report(
        _ value: JSONValue, _ text: @autoclosure () -> String, name: String? = nil,
        among candidates: @autoclosure () -> [String] = []
    ) {
        self.report(at: value.offset, text(), name: name, among: candidates())
    }

    private mutating func report(
        at offset: Int, key: String? = nil, _ text: @autoclosure () -> String, name: String? = nil,
        among candidates: @autoclosure () -> [String] = []
    ) {
        guard self.problems.count < InvalidInput.problemsMax else {
            self.omitted += 1
            return
        }
        let path = self.pathText + (key.map { Self.text(of: .key($0)) } ?? "")
        var text = text()
        if let name {
            let candidates = candidates()
            if candidates.count <= Self.candidatesMax { text += NearestName.question(name, among: candidates) }
        }
        self.problems.append(Problem(offset: offset, path: path, text: text))
    }

    /// `$.vms[3].demand`.
    private var pathText: String { "$" + self.path.map(Self.text(of:)).joined() }

    private static func text(of step: Step) -> String {
        switch step {
        case .index(let index): return "[\(index)]"
        case .key(let key):
            let isPlain =
                !key.isEmpty && key.utf8.count <= 64
                && key.utf8.allSatisfy {
                    ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z")) || $0 == UInt8(ascii: "_")
                        || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                }
            return isPlain ? ".\(key)" : "[\(JSONValue.quoted(key))]"
        }
    }

    // MARK: - Objects

    /// The members of an object that has all keys that its format requires, and none that it does not know.
    mutating func object(_ value: JSONValue, _ format: ObjectFormat) -> JSONObject? {
        guard let object = self.openObject(value) else { return nil }
        for member in object.members
        where !format.required.contains(member.key) && !format.optional.contains(member.key) {
            self.report(
                at: member.offset, key: member.key,
                "unknown key", name: member.key, among: format.required + format.optional)
        }
        for key in format.required where object[key] == nil {
            self.report(at: value.offset, key: key, "missing")
        }
        return object
    }

    /// The members of an object that may have others than are read.
    mutating func openObject(_ value: JSONValue) -> JSONObject? {
        guard case .object(let members) = value.content else {
            self.report(value, "found \(value.found), expected an object")
            return nil
        }
        if let doubled = Self.doubled(members) {
            for member in doubled { self.report(at: member.offset, key: member.key, "the key is there twice") }
        }
        return JSONObject(members: members)
    }

    private static func doubled(_ members: [JSONMember]) -> [JSONMember]? {
        // Nearly all objects are small, where comparing is quicker than hashing.
        if members.count <= 16 {
            for index in members.indices.dropFirst()
            where members[..<index].contains(where: { $0.key == members[index].key }) {
                return Self.repeated(members)
            }
            return nil
        }
        let doubled = Self.repeated(members)
        return doubled.isEmpty ? nil : doubled
    }

    private static func repeated(_ members: [JSONMember]) -> [JSONMember] {
        var seen: Set<String> = []
        return members.filter { !seen.insert($0.key).inserted }
    }

    /// Reads the value of a key; nil where the key is not there.
    @discardableResult
    mutating func field<Value>(
        _ object: JSONObject, _ key: String, _ read: (inout DocumentReading, JSONValue) -> Value?
    ) -> Value? {
        guard let value = object[key] else { return nil }
        self.path.append(.key(key))
        defer { self.path.removeLast() }
        return read(&self, value)
    }

    // MARK: - Values

    /// Reads each element of an array; what cannot be read is left out, and has been reported.
    mutating func elements<Value>(
        _ value: JSONValue, atMost countMax: Int = .max, _ read: (inout DocumentReading, JSONValue) -> Value?
    ) -> [Value] {
        guard case .array(let elements) = value.content else {
            self.report(value, "found \(value.found), expected an array")
            return []
        }
        if elements.count > countMax {
            self.report(value, "\(elements.count) elements, at most \(countMax) may be")
            return []
        }
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            self.path.append(.index(index))
            if let value = read(&self, element) { values.append(value) }
            self.path.removeLast()
        }
        return values
    }

    mutating func string(_ value: JSONValue) -> String? {
        guard case .string(let text) = value.content else {
            self.report(value, "found \(value.found), expected a string")
            return nil
        }
        return text
    }

    mutating func bool(_ value: JSONValue) -> Bool? {
        guard case .bool(let flag) = value.content else {
            self.report(value, "found \(value.found), expected true or false")
            return nil
        }
        return flag
    }

    mutating func integer(_ value: JSONValue, in range: ClosedRange<Int>) -> Int? {
        guard case .integer(let number) = value.content, range.contains(number) else {
            self.report(
                value, "found \(value.found), expected a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// One of a few words.
    mutating func word(_ value: JSONValue, of words: [String], what: String) -> String? {
        guard let text = self.string(value) else { return nil }
        guard words.contains(text) else {
            self.report(
                value,
                "unknown \(what) \(value.found), expected one of \(words.joined(separator: ", "))", name: text,
                among: words)
            return nil
        }
        return text
    }
}

/// The members of an object, by key.
struct JSONObject {
    let members: [JSONMember]

    /// The first value of `key`.
    subscript(key: String) -> JSONValue? {
        self.members.first { $0.key == key }?.value
    }
}
