/// Reads a JSON text (RFC 8259) into a tree that keeps positions, the order of keys, and keys that are there twice.
///
/// A total function over bytes: it reads or refuses whatever comes, within ``JSONLimits``. Foundation's readers lose
/// positions and doubled keys, and make floating point of numbers.
package struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var valuesLeft = JSONLimits.valuesMax

    /// - Throws: the first thing that is wrong; nothing after it can be trusted.
    package static func read(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        guard bytes.count <= JSONLimits.bytesMax else {
            throw reader.error("it has more than \(JSONLimits.bytesMax >> 20) MiB", at: 0)
        }
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.position == bytes.count else { throw reader.unexpected("the end of the text") }
        return value
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        self.skipBlanks()
        let begin = self.position
        self.valuesLeft -= 1
        guard self.valuesLeft >= 0 else {
            throw self.error("there are more than \(JSONLimits.valuesMax) values", at: begin)
        }
        switch self.peek {
        case UInt8(ascii: "{")?: return JSONValue(.object(try self.members(depth: depth)), offset: begin)
        case UInt8(ascii: "[")?: return JSONValue(.array(try self.elements(depth: depth)), offset: begin)
        case UInt8(ascii: "\"")?: return JSONValue(.string(try self.string()), offset: begin)
        case UInt8(ascii: "-")?, .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return JSONValue(try self.number(), offset: begin)
        case UInt8(ascii: "t")?: return JSONValue(try self.word("true", .bool(true)), offset: begin)
        case UInt8(ascii: "f")?: return JSONValue(try self.word("false", .bool(false)), offset: begin)
        case UInt8(ascii: "n")?: return JSONValue(try self.word("null", .null), offset: begin)
        default: throw self.unexpected("a value")
        }
    }

    private mutating func members(depth: Int) throws(JSONSyntaxError) -> [JSONMember] {
        try self.enter(depth)
        var members: [JSONMember] = []
        if self.skip(UInt8(ascii: "}")) { return members }
        while true {
            self.skipBlanks()
            let begin = self.position
            guard self.peek == UInt8(ascii: "\"") else { throw self.unexpected("a key in quotes") }
            let key = try self.string()
            guard self.skip(UInt8(ascii: ":")) else { throw self.unexpected("':'") }
            members.append(JSONMember(key: key, value: try self.value(depth: depth + 1), offset: begin))
            if self.skip(UInt8(ascii: "}")) { return members }
            guard self.skip(UInt8(ascii: ",")) else { throw self.unexpected("',' or '}'") }
        }
    }

    private mutating func elements(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        try self.enter(depth)
        var elements: [JSONValue] = []
        if self.skip(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try self.value(depth: depth + 1))
            if self.skip(UInt8(ascii: "]")) { return elements }
            guard self.skip(UInt8(ascii: ",")) else { throw self.unexpected("',' or ']'") }
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
        guard depth < JSONLimits.depthMax else {
            throw self.error("arrays and objects are nested more than \(JSONLimits.depthMax) deep", at: self.position)
        }
        self.position += 1
    }

    private mutating func word(_ word: StaticString, _ content: JSONValue.Content) throws(JSONSyntaxError)
        -> JSONValue.Content
    {
        let end = self.position + word.utf8CodeUnitCount
        guard end <= self.bytes.count, "\(word)".utf8.elementsEqual(self.bytes[self.position..<end]) else {
            throw self.unexpected("a value")
        }
        self.position = end
        return content
    }

    // MARK: - Numbers

    private mutating func number() throws(JSONSyntaxError) -> JSONValue.Content {
        let begin = self.position
        let isNegative = self.peek == UInt8(ascii: "-")
        if isNegative { self.position += 1 }
        let digits = self.position
        try self.digits()
        guard self.bytes[digits] != UInt8(ascii: "0") || self.position == digits + 1 else {
            throw self.error("a number begins with 0", at: begin)
        }
        let isWhole = try !self.fractionOrExponent()
        guard self.position - begin <= JSONLimits.numberBytesMax else {
            throw self.error("a number has more than \(JSONLimits.numberBytesMax) digits", at: begin)
        }
        if isWhole, let integer = self.integer(digits..<self.position, isNegative: isNegative) {
            return .integer(integer)
        }
        return .number(String(decoding: self.bytes[begin..<self.position], as: UTF8.self))
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let begin = self.position
        while let byte = self.peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { self.position += 1 }
        guard self.position > begin else { throw self.unexpected("a digit") }
    }

    private mutating func fractionOrExponent() throws(JSONSyntaxError) -> Bool {
        var isThere = false
        if self.peek == UInt8(ascii: ".") {
            self.position += 1
            try self.digits()
            isThere = true
        }
        if self.peek == UInt8(ascii: "e") || self.peek == UInt8(ascii: "E") {
            self.position += 1
            if self.peek == UInt8(ascii: "+") || self.peek == UInt8(ascii: "-") { self.position += 1 }
            try self.digits()
            isThere = true
        }
        return isThere
    }

    /// nil when it does not fit.
    private func integer(_ digits: Range<Int>, isNegative: Bool) -> Int? {
        var value = 0
        for index in digits {
            let (tenfold, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let digit = Int(self.bytes[index] - UInt8(ascii: "0"))
            let (sum, overflow) = tenfold.addingReportingOverflow(isNegative ? -digit : digit)
            if tooLarge || overflow { return nil }
            value = sum
        }
        return value
    }

    // MARK: - Strings

    private mutating func string() throws(JSONSyntaxError) -> String {
        let begin = self.position
        self.position += 1
        while let byte = self.peek, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            self.position += 1
        }
        if self.peek == UInt8(ascii: "\"") {
            self.position += 1
            return try self.text(self.bytes[(begin + 1)..<(self.position - 1)], begin)
        }
        return try self.escapedString(begin)
    }

    /// Goes on where an escape, or something that is no part of a string, was met.
    private mutating func escapedString(_ begin: Int) throws(JSONSyntaxError) -> String {
        var content = Array(self.bytes[(begin + 1)..<self.position])
        while let byte = self.peek {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""): return try self.text(content[...], begin)
            case UInt8(ascii: "\\"): content += try self.escape()
            case 0..<0x20: throw self.error("a control character in a string", at: self.position - 1)
            default: content.append(byte)
            }
        }
        throw self.error("a string without an end", at: begin)
    }

    private func text(_ content: ArraySlice<UInt8>, _ begin: Int) throws(JSONSyntaxError) -> String {
        guard content.count <= JSONLimits.stringBytesMax else {
            throw self.error("a string has more than \(JSONLimits.stringBytesMax) bytes", at: begin)
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw self.error("a string is not UTF-8", at: begin)
        }
        return text
    }

    private static let simpleEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
        UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]

    /// What stands after a backslash, in UTF-8.
    private mutating func escape() throws(JSONSyntaxError) -> [UInt8] {
        let begin = self.position - 1
        guard let letter = self.peek else { throw self.unexpected("an escape") }
        self.position += 1
        if let byte = Self.simpleEscapes[letter] { return [byte] }
        guard letter == UInt8(ascii: "u") else { throw self.error("an unknown escape in a string", at: begin) }
        var code = try self.hexadecimal()
        if (0xD800..<0xDC00).contains(code), self.peek == UInt8(ascii: "\\") {
            self.position += 1
            guard self.peek == UInt8(ascii: "u") else { throw self.error("half of a surrogate pair", at: begin) }
            self.position += 1
            let low = try self.hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw self.error("half of a surrogate pair", at: begin) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw self.error("half of a surrogate pair", at: begin) }
        return Array(String(scalar).utf8)
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt32
            switch self.peek {
            case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): digit = UInt32(byte) - 48
            case let byte? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): digit = UInt32(byte) - 87
            case let byte? where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte): digit = UInt32(byte) - 55
            default: throw self.unexpected("a hexadecimal digit")
            }
            code = code << 4 + digit
            self.position += 1
        }
        return code
    }

    // MARK: - Bytes

    private var peek: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipBlanks() {
        while let byte = self.peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.position += 1 }
    }

    /// Skips blanks, then `byte` if it is there.
    private mutating func skip(_ byte: UInt8) -> Bool {
        self.skipBlanks()
        guard self.peek == byte else { return false }
        self.position += 1
        return true
    }

    private func unexpected(_ expected: String) -> JSONSyntaxError {
        let found: String
        switch self.peek {
        case nil: found = "the end of the text"
        case let byte? where byte > 0x20 && byte < 0x7F: found = "'\(Unicode.Scalar(byte))'"
        case let byte?: found = "the byte 0x\(String(byte, radix: 16, uppercase: true))"
        }
        return self.error("found \(found), expected \(expected)", at: self.position)
    }

    private func error(_ text: String, at offset: Int) -> JSONSyntaxError {
        JSONSyntaxError(position: TextPosition(of: offset, in: self.bytes), text: text)
    }
}
