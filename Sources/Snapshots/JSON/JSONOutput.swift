/// A JSON text to be written: keys stand in the order given, so that the same value always makes the same bytes.
package indirect enum JSONOutput: Sendable {
    case bool(Bool)
    case integer(Int)
    case string(String)
    case array([JSONOutput])
    case object([Member])
    /// An array with each element on a line of its own.
    case lines([JSONOutput])

    /// A key with its value.
    package struct Member: Sendable {
        package var key: String
        package var value: JSONOutput

        package init(_ key: String, _ value: JSONOutput) {
            self.key = key
            self.value = value
        }
    }

    /// The bytes of a document: an object with each key on a line of its own, and a newline at the end.
    package static func document(_ members: [Member]) -> [UInt8] {
        var bytes: [UInt8] = Array("{".utf8)
        for (index, member) in members.enumerated() {
            bytes += Array((index == 0 ? "\n  " : ",\n  ").utf8)
            JSONOutput.string(member.key).write(to: &bytes)
            bytes += Array(": ".utf8)
            member.value.write(to: &bytes)
        }
        return bytes + Array("\n}\n".utf8)
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .bool(let value): bytes += Array((value ? "true" : "false").utf8)
        case .integer(let value): bytes += Array("\(value)".utf8)
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .lines(let elements):
            guard !elements.isEmpty else { return bytes += Array("[]".utf8) }
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                bytes += Array((index == 0 ? "\n    " : ",\n    ").utf8)
                element.write(to: &bytes)
            }
            bytes += Array("\n  ]".utf8)
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                bytes += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
