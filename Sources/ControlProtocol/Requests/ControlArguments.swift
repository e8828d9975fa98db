import Basis

/// Reads the arguments of one request, each with its type and its bounds.
struct ControlArguments {
    private let values: ControlValues
    private let verb: ControlVerb

    init(_ values: ControlValues, of verb: ControlVerb) {
        self.values = values
        self.verb = verb
    }

    func has(_ key: ControlKey) -> Bool { self.value(key) != nil }

    func text(_ key: ControlKey) throws(ControlProblem) -> String {
        try self.needed(key, self.optionalText(key))
    }

    func optionalText(_ key: ControlKey) throws(ControlProblem) -> String? {
        guard let value = self.value(key) else { return nil }
        guard case .text(let text) = value, !text.isEmpty, text.utf8.count <= ControlLimits.textBytesMax else {
            let expected = "a text of 1 to \(ControlLimits.textBytesMax) bytes"
            throw .wrong(key, expected: expected, found: value.shown)
        }
        return text
    }

    func node(_ key: ControlKey) throws(ControlProblem) -> NodeID {
        let text = try self.text(key)
        guard let node = NodeID(text) else {
            let expected = "a node name, 1 to \(NodeID.lengthMax) of a-z A-Z 0-9 . _ -"
            throw .wrong(key, expected: expected, found: ControlScalar.text(text).shown)
        }
        return node
    }

    func flag(_ key: ControlKey) throws(ControlProblem) -> Bool {
        switch self.value(key) {
        case nil: return false
        case .flag(let flag): return flag
        case let value?: throw .wrong(key, expected: "true or false", found: value.shown)
        }
    }

    func optionalInteger(_ key: ControlKey, in range: ClosedRange<Int>) throws(ControlProblem) -> Int? {
        guard let value = self.value(key) else { return nil }
        guard case .integer(let number) = value, let small = Int(exactly: number), range.contains(small) else {
            let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
            throw .wrong(key, expected: expected, found: value.shown)
        }
        return small
    }

    func optionalCounter(_ key: ControlKey) throws(ControlProblem) -> UInt64? {
        try self.value(key).map { value throws(ControlProblem) in try Self.counter(value, key) }
    }

    /// A whole number that is not negative.
    static func counter(_ value: ControlScalar, _ key: ControlKey) throws(ControlProblem) -> UInt64 {
        switch value {
        case .unsigned(let number): return number
        case .integer(let number) where number >= 0: return UInt64(number)
        case .null, .flag, .integer, .text, .other:
            throw .wrong(key, expected: "a whole number from 0 to \(UInt64.max)", found: value.shown)
        }
    }

    /// An argument that is null is not there.
    private func value(_ key: ControlKey) -> ControlScalar? {
        let value = self.values.all[key.rawValue]
        return value == .null ? nil : value
    }

    private func needed<Value>(_ key: ControlKey, _ value: Value?) throws(ControlProblem) -> Value {
        guard let value else { throw .missing(key, verb: self.verb.rawValue) }
        return value
    }
}
