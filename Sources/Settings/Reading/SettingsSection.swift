import Basis
import Yams

/// What one reading of a config file has found so far.
///
/// A class because the readers of all nested sections write on one sheet; it lives for one reading.
final class SettingsFindings {
    private(set) var problems: [SettingsProblem] = []
    /// Every key that was looked for, as a path, with `[]` for the place in a list.
    private(set) var knownKeys: Set<String> = []
    /// Those of ``knownKeys`` that the file has.
    private(set) var presentKeys: Set<String> = []

    package func report(_ problem: SettingsProblem) {
        self.problems.append(problem)
    }

    func ask(_ key: String, present: Bool) {
        self.knownKeys.insert(key)
        if present { self.presentKeys.insert(key) }
    }
}

/// One mapping of the file on the walk: each key is asked for once, by type; what nobody asked for is unknown.
///
/// A value that cannot be read is reported and stands in as its default, so that the walk goes on to the next problem.
package struct SettingsSection {
    package let file: String
    /// As people read it, `ring.nodes[2]`; empty at the root.
    let path: String
    /// The line on which the section begins, from 1.
    package let line: Int
    let findings: SettingsFindings
    /// The path with `[]` in place of indexes.
    private let pattern: String
    private var entries: [String: (line: Int, value: Yams.Node)] = [:]
    private var asked: Set<String> = []

    init(root document: SettingsDocument, findings: SettingsFindings) {
        self.init(
            file: document.file, path: "", pattern: "", line: document.root?.mark?.line ?? 1, findings: findings,
            node: document.root)
    }

    private init(
        file: String, path: String, pattern: String, line: Int, findings: SettingsFindings, node: Yams.Node?
    ) {
        self.file = file
        self.path = path
        self.pattern = pattern
        self.line = line
        self.findings = findings
        guard let node, !Self.isNothing(node) else { return }
        guard case .mapping(let mapping) = node else {
            self.report("expected keys and values, got \(Self.describe(node))", line: line)
            return
        }
        for (key, value) in mapping {
            guard let scalar = key.scalar else {
                self.report("expected a word as key, got \(Self.describe(key))", line: key.mark?.line ?? line)
                continue
            }
            let name = SettingsDocument.originalName(of: scalar.string)
            let line = scalar.mark?.line ?? self.line
            if let first = self.entries[name] {
                self.report("stands twice, first on line \(first.line)", key: name, line: line)
            } else {
                self.entries[name] = (line, value)
            }
        }
    }

    // MARK: - Asking

    /// The line of `key`, or of the section when it is not there.
    package func line(of key: String) -> Int { self.entries[key]?.line ?? self.line }

    package func has(_ key: String) -> Bool { self.entries[key] != nil }

    /// The value of `key` as `parse` reads it, or nil when it is not there or was reported.
    package mutating func optional<Value>(
        _ key: String, _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> Value? {
        guard let (line, node) = self.take(key) else { return nil }
        guard case .scalar(let scalar) = node, !Self.isNothing(node) else {
            self.report("expected one value, got \(Self.describe(node))", key: key, line: line)
            return nil
        }
        do throws(Quantities.Unexpected) {
            return try parse(scalar.string)
        } catch {
            self.report("expected \(error.expected), got \"\(scalar.string)\"", key: key, line: line)
            return nil
        }
    }

    /// The same; outside of `range` it is reported.
    package mutating func optional<Value: Comparable>(
        _ key: String, in range: ClosedRange<Value>, shown: (Value) -> String = { "\($0)" },
        _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> Value? {
        guard let value = self.optional(key, parse) else { return nil }
        guard range.contains(value) else {
            let bounds = "\(shown(range.lowerBound)) to \(shown(range.upperBound))"
            self.report("expected \(bounds), got \(shown(value))", key: key, line: self.line(of: key))
            return nil
        }
        return value
    }

    /// The value of `key`, `fallback` when it is not there; outside of `range` it is reported.
    package mutating func value<Value: Comparable>(
        _ key: String, default fallback: Value, in range: ClosedRange<Value>,
        shown: (Value) -> String = { "\($0)" }, _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> Value {
        self.optional(key, in: range, shown: shown, parse) ?? fallback
    }

    package mutating func duration(
        _ key: String, default fallback: Duration,
        in range: ClosedRange<Duration> = .milliseconds(1)...SettingsLimits.durationMax
    ) -> Duration {
        self.value(key, default: fallback, in: range, shown: DurationText.of, Quantities.duration)
    }

    package mutating func flag(_ key: String, default fallback: Bool) -> Bool {
        self.optional(key, Quantities.flag) ?? fallback
    }

    mutating func text(_ key: String, default fallback: String) -> String {
        self.optional(key, Self.word) ?? fallback
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Value
    ) -> Value where Value.RawValue == String {
        self.word(key, among: Value.allCases.map(\.rawValue)).flatMap(Value.init) ?? fallback
    }

    /// One of `words`, or nil when it is not there or was reported.
    package mutating func word(_ key: String, among words: [String]) -> String? {
        self.optional(key) { text throws(Quantities.Unexpected) in
            guard words.contains(text) else {
                throw Quantities.Unexpected(expected: "one of \(words.joined(separator: ", "))")
            }
            return text
        }
    }

    /// Whether exactly one of `keys` is there; reported when not.
    func hasOne(of keys: [String]) -> Bool {
        let present = keys.filter(self.has)
        guard present.count != 1 else { return true }
        self.report(
            "expected one of \(keys.joined(separator: ", ")), got "
                + (present.isEmpty ? "none" : present.joined(separator: " and ")), line: self.line)
        return false
    }

    /// The section under `key`; an empty one when it is not there, so that its keys become known all the same.
    package mutating func section(_ key: String) -> SettingsSection {
        let entry = self.take(key)
        return SettingsSection(
            file: self.file, path: self.keyPath(key), pattern: self.keyPattern(key), line: entry?.line ?? self.line,
            findings: self.findings, node: entry?.value)
    }

    /// The sections listed under `key`. A list that is not there is empty.
    package mutating func sections(_ key: String) -> [SettingsSection] {
        self.list(key).enumerated().map { index, node in
            SettingsSection(
                file: self.file, path: "\(self.keyPath(key))[\(index)]", pattern: "\(self.keyPattern(key))[]",
                line: node.mark?.line ?? self.line(of: key), findings: self.findings, node: node)
        }
    }

    /// The words listed under `key`, each with its line, as `parse` reads them.
    mutating func words<Value>(
        _ key: String, _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> [(value: Value, line: Int)] {
        var values: [(value: Value, line: Int)] = []
        for (index, node) in self.list(key).enumerated() {
            let line = node.mark?.line ?? self.line(of: key)
            do throws(Quantities.Unexpected) {
                guard case .scalar(let scalar) = node else { throw Quantities.Unexpected(expected: "a word") }
                values.append((try parse(scalar.string), line))
            } catch {
                self.report(
                    "expected \(error.expected), got \(Self.describe(node))", key: "\(key)[\(index)]", line: line)
            }
        }
        return values
    }

    /// Reports every key that nobody asked for. To be called once, at the end of the section.
    package func finish() {
        for (name, entry) in self.entries where !self.asked.contains(name) {
            let suggestion = NearestName.question(name, among: Array(self.asked))
            let keys = "known here: \(self.asked.sorted().joined(separator: ", "))"
            self.report("unknown key\(suggestion.isEmpty ? "; " + keys : suggestion)", key: name, line: entry.line)
        }
    }

    package func report(_ text: String, key: String? = nil, line: Int) {
        self.findings.report(
            SettingsProblem(file: self.file, line: line, key: key.map(self.keyPath) ?? self.path, text: text))
    }

    // MARK: - Words

    package static func word(_ text: String) throws(Quantities.Unexpected) -> String {
        guard !text.isEmpty, text.utf8.count <= SettingsLimits.textBytesMax,
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw Quantities.Unexpected(
                expected: "1 to \(SettingsLimits.textBytesMax) bytes of text without control characters")
        }
        return text
    }

    static func nodeID(_ text: String) throws(Quantities.Unexpected) -> NodeID {
        guard let id = NodeID(text) else {
            throw Quantities.Unexpected(
                expected: "a name of 1 to \(NodeID.lengthMax) characters out of a-z A-Z 0-9 . _ -")
        }
        return id
    }

    // MARK: - Inside

    private mutating func take(_ key: String) -> (line: Int, value: Yams.Node)? {
        self.asked.insert(key)
        let entry = self.entries[key]
        self.findings.ask(self.keyPattern(key), present: entry != nil)
        return entry
    }

    private mutating func list(_ key: String) -> [Yams.Node] {
        guard let (line, node) = self.take(key), !Self.isNothing(node) else { return [] }
        guard case .sequence(let sequence) = node else {
            self.report("expected a list, got \(Self.describe(node))", key: key, line: line)
            return []
        }
        guard sequence.count <= SettingsLimits.listMax else {
            self.report(
                "expected at most \(SettingsLimits.listMax) entries, got \(sequence.count)", key: key, line: line)
            return []
        }
        return Array(sequence)
    }

    private func keyPath(_ key: String) -> String { self.path.isEmpty ? key : "\(self.path).\(key)" }

    private func keyPattern(_ key: String) -> String { self.pattern.isEmpty ? key : "\(self.pattern).\(key)" }

    /// YAML's ways to write nothing: an empty plain scalar, `~`, `null`.
    private static func isNothing(_ node: Yams.Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    private static func describe(_ node: Yams.Node) -> String {
        switch node {
        case .scalar(let scalar): self.isNothing(node) ? "nothing" : "\"\(scalar.string)\""
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
