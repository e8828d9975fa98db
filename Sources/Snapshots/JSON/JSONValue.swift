/// One value of a JSON text, and where it begins.
package struct JSONValue: Sendable {
    package enum Content: Sendable {
        case null
        case bool(Bool)
        /// A number without fraction and exponent that fits into an `Int`.
        case integer(Int)
        /// Any other number, as it is written.
        case number(String)
        case string(String)
        case array([JSONValue])
        /// In the order of the text. A key that is written twice is there twice.
        case object([JSONMember])
    }

    package var content: Content
    /// Of its first byte, from 0. 32 bits, as there are millions of values in a large text.
    private let begin: Int32

    package init(_ content: Content, offset: Int) {
        self.content = content
        self.begin = Int32(clamping: offset)
    }

    package var offset: Int { Int(self.begin) }
}

/// A key of an object with its value.
package struct JSONMember: Sendable {
    package var key: String
    package var value: JSONValue
    private let begin: Int32

    package init(key: String, value: JSONValue, offset: Int) {
        self.key = key
        self.value = value
        self.begin = Int32(clamping: offset)
    }

    /// Where the key begins.
    package var offset: Int { Int(self.begin) }
}

extension JSONValue {
    /// How much of a string is shown in a message, in characters.
    private static let shownMax = 40

    /// What this is, for messages: short, on one line.
    package var found: String {
        switch self.content {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let elements): elements.isEmpty ? "an empty array" : "an array"
        case .object: "an object"
        }
    }

    /// A text in quotes, cut where it is long, without what would move a terminal's cursor.
    package static func quoted(_ text: String) -> String {
        let shown = text.prefix(Self.shownMax).unicodeScalars.map { scalar -> String in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
            default: String(scalar)
            }
        }.joined()
        return "\"\(shown)\(text.utf8.count > shown.utf8.count ? "…" : "")\""
    }
}

/// What of a JSON text is read at the most: a snapshot of the largest problem fits, and what is read takes a bounded
/// multiple of it in memory.
package enum JSONLimits {
    /// Of the whole text, in bytes.
    package static let bytesMax = 64 << 20
    /// Arrays and objects within each other.
    package static let depthMax = 32
    /// Values of all kinds together.
    package static let valuesMax = 4_000_000
    /// Of one string, in bytes as it is written.
    package static let stringBytesMax = 1 << 20
    /// Of one number, in bytes.
    package static let numberBytesMax = 64
}

/// Why bytes are no JSON text, or one that is not read.
package struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    package var position: TextPosition
    package var text: String

    package var description: String { "\(self.position): \(self.text)" }
}

/// A place in a text. Both count from 1; columns are Unicode scalars.
package struct TextPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Where the byte at `offset` stands; an offset beyond the end is the end.
    package init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes.prefix(max(offset, 0))
        let lineBegin = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        // Bytes 10xxxxxx go on with a scalar that another byte began.
        self.column = 1 + before[lineBegin...].count { $0 & 0xC0 != 0x80 }
    }

    package static func < (left: TextPosition, right: TextPosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }

    package var description: String { "\(self.line):\(self.column)" }
}
