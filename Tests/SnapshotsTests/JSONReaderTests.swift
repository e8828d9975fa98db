import Snapshots
import Testing

@Suite("JSON texts")
struct JSONReaderTests {
    private func read(_ text: String) throws -> JSONValue { try JSONReader.read(Array(text.utf8)) }

    @Test(
        "reads every kind of value",
        arguments: [
            ("null", "null"), (" true ", "true"), ("false", "false"), ("0", "0"), ("-0", "0"), ("-17", "-17"),
            ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "9223372036854775808"), ("1.50", "1.50"), ("1e3", "1e3"), ("[]", "an empty array"),
            ("[1,2]", "an array"), ("{}", "an object"), (#""aäß""#, #""aäß""#), (#""\u00e4\ud83d\ude00""#, #""ä😀""#),
            (#""\"\\\/\b\f\n\r\t""#, "\"\"\\/\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\""),
        ])
    func values(text: String, found: String) throws {
        #expect(try self.read(text).found == found)
    }

    @Test("keeps whole numbers apart from others")
    func numbers() throws {
        guard case .array(let elements) = try self.read("[9223372036854775807, 9223372036854775808, 1.0]").content
        else {
            Issue.record("no array")
            return
        }
        guard case .integer(.max) = elements[0].content, case .number("9223372036854775808") = elements[1].content,
            case .number("1.0") = elements[2].content
        else {
            Issue.record("\(elements)")
            return
        }
    }

    @Test("keeps the order of keys, doubled keys, and positions")
    func members() throws {
        let text = "{\"b\": 1,\n  \"a\": [true],\n \"b\": 2}"
        guard case .object(let members) = try self.read(text).content else {
            Issue.record("no object")
            return
        }
        #expect(members.map(\.key) == ["b", "a", "b"])
        let bytes = Array(text.utf8)
        #expect(TextPosition(of: members[1].offset, in: bytes) == TextPosition(line: 2, column: 3))
        #expect(TextPosition(of: members[1].value.offset, in: bytes) == TextPosition(line: 2, column: 8))
        #expect(TextPosition(of: 10_000, in: bytes) == TextPosition(line: 3, column: 9))
    }

    @Test(
        "says where and what is wrong",
        arguments: [
            ("", "1:1: found the end of the text, expected a value"),
            ("[1,\n 2", "2:3: found the end of the text, expected ',' or ']'"),
            ("[1 2]", "1:4: found '2', expected ',' or ']'"), ("[1,]", "1:4: found ']', expected a value"),
            ("{\"a\":1,}", "1:8: found '}', expected a key in quotes"), ("{\"a\" 1}", "1:6: found '1', expected ':'"),
            ("{\"ä\":1 x}", "1:8: found 'x', expected ',' or '}'"), ("tru", "1:1: found 't', expected a value"),
            ("01", "1:1: a number begins with 0"), ("-", "1:2: found the end of the text, expected a digit"),
            ("1.", "1:3: found the end of the text, expected a digit"),
            ("1 1", "1:3: found '1', expected the end of the text"),
            ("+1", "1:1: found '+', expected a value"), ("NaN", "1:1: found 'N', expected a value"),
            ("\u{FEFF}1", "1:1: found the byte 0xEF, expected a value"), ("\"ab", "1:1: a string without an end"),
            ("\"a\nb\"", "1:3: a control character in a string"), (#""\x""#, "1:2: an unknown escape in a string"),
            (#""\ud800""#, "1:2: half of a surrogate pair"), (#""\ud800\u0041""#, "1:2: half of a surrogate pair"),
            (#""\ud800\n""#, "1:2: half of a surrogate pair"), (#""\udc00""#, "1:2: half of a surrogate pair"),
            (#""\u12g4""#, "1:6: found 'g', expected a hexadecimal digit"),
        ])
    func syntaxErrors(text: String, error: String) {
        #expect(Self.words(Array(text.utf8)) == error)
    }

    private static func words(_ bytes: [UInt8]) -> String {
        do throws(JSONSyntaxError) {
            _ = try JSONReader.read(bytes)
            return "read"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "refuses what is not UTF-8",
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22],
        ] as [[UInt8]])
    func encoding(bytes: [UInt8]) {
        #expect(Self.words(bytes) == "1:1: a string is not UTF-8")
    }

    @Test("refuses what is too much, whatever it is made of")
    func limits() {
        func deep(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(Self.words(deep(JSONLimits.depthMax)) == "read")
        #expect(Self.words(deep(JSONLimits.depthMax + 1)).contains("nested more than"))
        #expect(Self.words([UInt8](repeating: UInt8(ascii: "["), count: 60 << 20)).contains("nested more than"))
        #expect(Self.words([UInt8](repeating: 0x20, count: JSONLimits.bytesMax + 1)).contains("more than 64 MiB"))
        #expect(Self.words(Array("1".utf8) + [UInt8](repeating: 0x30, count: 64)).contains("more than 64 digits"))
        let long = [0x22] + [UInt8](repeating: 0x61, count: JSONLimits.stringBytesMax + 1) + [0x22]
        #expect(Self.words(long).contains("a string has more than"))
        let many = Array("[0".utf8) + Array(repeating: Array(",0".utf8), count: JSONLimits.valuesMax).joined() + [0x5D]
        #expect(Self.words(many).contains("more than \(JSONLimits.valuesMax) values"))
    }

    @Test("what is written is read again as it was, control characters and quotes included")
    func writing() throws {
        let text = "a\"\\\u{0}\u{1F}\n/ä😀"
        let bytes = JSONOutput.document([.init("k\"", .array([.string(text), .integer(-3), .bool(true)]))])
        guard case .object(let members) = try JSONReader.read(bytes).content,
            case .array(let elements)? = members.first?.value.content, case .string(text)? = elements.first?.content
        else {
            Issue.record("\(String(decoding: bytes, as: UTF8.self))")
            return
        }
        #expect(members[0].key == "k\"" && elements.map(\.found).dropFirst() == ["-3", "true"])
    }
}
