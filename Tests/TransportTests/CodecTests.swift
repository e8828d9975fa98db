import Basis
import NIOCore
import Testing
import Transport

@Suite("The codec")
struct CodecTests {
    private enum Colour: UInt8 { case red = 1, green = 2 }

    @Test(
        "writes a varint in its shortest form and reads it back",
        arguments: [
            (value: 0, bytes: [0]), (value: 127, bytes: [0x7F]), (value: 128, bytes: [0x80, 0x01]),
            (value: 300, bytes: [0xAC, 0x02]), (value: 16_384, bytes: [0x80, 0x80, 0x01]),
            (value: .max, bytes: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] as [(value: UInt64, bytes: [UInt8])])
    func varint(value: UInt64, bytes: [UInt8]) throws {
        var writer = WireWriter()
        writer.write(varint: value)
        let written = writer.finish()
        #expect(Array(written.readableBytesView) == bytes)
        #expect(try WireReader.decode(written) { reader throws(CodecError) in try reader.varint() } == value)
    }

    @Test(
        "refuses a varint that is cut, too long, too great or padded",
        arguments: [
            (bytes: [UInt8](), error: CodecError.truncated(needed: 1, available: 0)),
            (bytes: [0x80], error: .truncated(needed: 1, available: 0)),
            (bytes: [0x80, 0x00], error: .malformedVarint),
            (bytes: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], error: .malformedVarint),
            (bytes: [UInt8](repeating: 0xFF, count: 40), error: .malformedVarint),
        ])
    func badVarint(bytes: [UInt8], error: CodecError) {
        var reader = WireReader(ByteBuffer(bytes: bytes))
        #expect(throws: error) { try reader.varint() }
    }

    @Test("keeps small negative numbers short", arguments: [0, -1, 1, -2, 63, -64, 64, Int64.min, .max])
    func zigzag(value: Int64) throws {
        var writer = WireWriter()
        writer.write(zigzag: value)
        let bytes = writer.finish()
        #expect(bytes.readableBytes == 1 || value.magnitude > 63)
        #expect(try WireReader.decode(bytes) { reader throws(CodecError) in try reader.zigzag() } == value)
    }

    @Test("reads back everything that it writes")
    func roundTrip() throws {
        var writer = WireWriter()
        writer.write(byte: 7)
        writer.write(bool: true)
        writer.write(fixed64: 0x0102_0304_0506_0708)
        writer.write(duration: .milliseconds(-5))
        writer.write(enumeration: Colour.green)
        writer.write(string: "naïve")
        writer.write(node: "node-1")
        writer.write(bytes: ByteBuffer(repeating: 3, count: 200))
        writer.write(list: [1, 2, 300] as [UInt64]) { $0.write(varint: $1) }
        writer.write(optional: "some") { $0.write(string: $1) }
        writer.write(optional: String?.none) { $0.write(string: $1) }
        writer.write(nested: { $0.write(bytes: ByteBuffer(repeating: 1, count: 500)) })
        var reader = WireReader(writer.finish())
        let (byte, bool, fixed) = (try reader.byte(), try reader.bool(), try reader.fixed64())
        #expect(byte == 7 && bool && fixed == 0x0102_0304_0506_0708)
        let (duration, colour) = (try reader.duration(), try reader.enumeration(Colour.self))
        #expect(duration == .milliseconds(-5) && colour == .green)
        let (text, node, bytes) = (try reader.string(maxBytes: 6), try reader.node(), try reader.bytes(max: 200))
        #expect(text == "naïve" && node == "node-1" && bytes == ByteBuffer(repeating: 3, count: 200))
        let list = try reader.list(max: 3) { field throws(CodecError) in try field.varint() }
        #expect(list == [1, 2, 300])
        let some = try reader.optional { field throws(CodecError) in try field.string(maxBytes: 9) }
        let none = try reader.optional { field throws(CodecError) in try field.string(maxBytes: 9) }
        #expect(some == "some" && none == nil)
        let nested = try reader.nested { field throws(CodecError) in try field.bytes(max: 500) }
        #expect(nested == ByteBuffer(repeating: 1, count: 500))
        try reader.finish()
    }

    @Test("holds every limit that a field names")
    func limits() {
        var writer = WireWriter()
        writer.write(string: "four")
        let text = writer.finish()
        #expect(throws: CodecError.aboveLimit(value: 4, limit: 3)) {
            try WireReader.decode(text) { reader throws(CodecError) in try reader.string(maxBytes: 3) }
        }
        #expect(throws: CodecError.truncated(needed: 100, available: 1)) {
            try WireReader.decode(ByteBuffer(bytes: [100, 1])) { reader throws(CodecError) in
                try reader.list(max: 1_000) { element throws(CodecError) in try element.byte() }
            }
        }
        #expect(throws: CodecError.aboveLimit(value: 200, limit: 127)) {
            try WireReader.decode(ByteBuffer(bytes: [0xC8, 0x01])) { reader throws(CodecError) in
                try reader.integer(Int8.self)
            }
        }
        #expect(throws: CodecError.leftOver(bytes: 3)) {
            try WireReader.decode(text) { reader throws(CodecError) in
                let (first, second) = (try reader.byte(), try reader.byte())
                return first + second
            }
        }
    }

    @Test(
        "refuses bytes that are no value of the type",
        arguments: [
            (bytes: [UInt8]([3]), error: CodecError.unknownCase(type: "Colour", value: 3)),
            (bytes: [2], error: .unknownCase(type: "Bool", value: 2)),
            (bytes: [1, 0xFF], error: .invalidText),
            (bytes: [1, UInt8(ascii: " ")], error: .invalid(type: "NodeID")),
        ])
    func noValue(bytes: [UInt8], error: CodecError) {
        var reader = WireReader(ByteBuffer(bytes: bytes))
        #expect(throws: error) {
            switch error {
            case .unknownCase("Colour", _): _ = try reader.enumeration(Colour.self)
            case .unknownCase: _ = try reader.bool()
            case .invalidText: _ = try reader.string(maxBytes: 10)
            default: _ = try reader.node()
            }
        }
    }

    @Test("lets an old reader skip the tagged fields that a newer writer added")
    func taggedFields() throws {
        var writer = WireWriter()
        writer.write(varint: 5)
        writer.write(tag: 1) { $0.write(string: "known") }
        writer.write(tag: 900) { $0.write(bytes: ByteBuffer(repeating: 9, count: 400)) }
        let bytes = writer.finish()
        let (number, text) = try WireReader.decode(bytes) { reader throws(CodecError) in
            let number = try reader.varint()
            var text: String?
            try reader.taggedFields { tag, field throws(CodecError) in
                if tag == 1 { text = try field.string(maxBytes: 10) } else { field.skip() }
            }
            return (number, text)
        }
        #expect(number == 5)
        #expect(text == "known")
    }

    @Test(
        "refuses tagged fields out of order, and fields that are not read to their end",
        arguments: [
            (bytes: [UInt8]([2, 0, 1, 0]), error: CodecError.tagOutOfOrder(tag: 1, after: 2)),
            (bytes: [1, 0, 1, 0], error: .tagOutOfOrder(tag: 1, after: 1)),
            (bytes: [0, 0], error: .tagOutOfOrder(tag: 0, after: 0)),
            (bytes: [1, 2, 9, 9], error: .leftOver(bytes: 2)),
            (bytes: [1, 5, 9], error: .truncated(needed: 5, available: 1)),
        ])
    func badTaggedFields(bytes: [UInt8], error: CodecError) {
        var reader = WireReader(ByteBuffer(bytes: bytes))
        #expect(throws: error) { try reader.taggedFields { _, _ in } }
    }

    @Test("gives a value or an error for any bytes", arguments: [UInt64(1), 2, 3])
    func anyBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            var reader = WireReader(ByteBuffer(bytes: bytes))
            _ = try? reader.list(max: 1_000_000_000) { element throws(CodecError) in
                try element.list(max: .max) { inner throws(CodecError) in try inner.string(maxBytes: .max) }
            }
            _ = try? reader.integer(Int.self)
            _ = try? reader.nested { field throws(CodecError) in try field.duration() }
            try? reader.taggedFields { _, field in field.skip() }
            #expect(reader.remaining <= count, "seed \(seed)")
        }
    }
}
