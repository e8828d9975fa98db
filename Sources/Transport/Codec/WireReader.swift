package import Basis
package import NIOCore

/// Reads a message body that a ``WireWriter`` wrote, trusting nothing.
///
/// Every function is total: it gives a value or throws a ``CodecError``, never traps, never allocates more than the
/// bytes that are there allow, and never runs longer than they last.
///
/// It reads from an array, into which the body is copied once: each read out of a `ByteBuffer` checks its storage
/// anew, which costs ten times as much in a list.
package struct WireReader: Sendable {
    @usableFromInline
    let bytes: [UInt8]
    /// What is read next.
    @usableFromInline
    var position = 0
    /// Where the message, or the part of it that is being read, ends.
    @usableFromInline
    var end: Int

    @inlinable
    package init(_ buffer: ByteBuffer) {
        self.bytes = buffer.withUnsafeReadableBytes { [UInt8]($0) }
        self.end = self.bytes.count
    }

    /// How many bytes have not been read yet.
    @inlinable
    package var remaining: Int { self.end - self.position }

    /// - Throws: ``CodecError/leftOver(bytes:)`` when something has not been read.
    @inlinable
    package func finish() throws(CodecError) {
        guard self.remaining == 0 else { throw .leftOver(bytes: self.remaining) }
    }

    /// Leaves the rest unread: for a tagged field that this version does not know.
    @inlinable
    package mutating func skip() {
        self.position = self.end
    }

    /// Reads a whole message: `body` and nothing after it.
    @inlinable
    package static func decode<Value>(
        _ buffer: ByteBuffer, _ body: (inout WireReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value {
        var reader = WireReader(buffer)
        let value = try body(&reader)
        try reader.finish()
        return value
    }
}

// MARK: - Numbers

extension WireReader {
    @inlinable
    package mutating func byte() throws(CodecError) -> UInt8 {
        guard self.position < self.end else { throw .truncated(needed: 1, available: 0) }
        let byte = self.bytes[self.position]
        self.position += 1
        return byte
    }

    /// - Throws: ``CodecError/unknownCase(type:value:)`` for a byte that is neither 0 nor 1.
    @inlinable
    package mutating func bool() throws(CodecError) -> Bool {
        switch try self.byte() {
        case 0: return false
        case 1: return true
        case let other: throw .unknownCase(type: "Bool", value: UInt64(other))
        }
    }

    /// An unsigned number of 1 to 10 bytes, in its shortest form only, so that a value has one encoding.
    @inlinable
    package mutating func varint() throws(CodecError) -> UInt64 {
        let first = try self.byte()
        guard first >= 0x80 else { return UInt64(first) }
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while true {
            let byte = try self.byte()
            // The tenth byte holds the one bit that is left of 64.
            guard byte != 0, shift < 63 || byte == 1 else { throw .malformedVarint }
            value |= UInt64(byte & 0x7F) << shift
            guard byte >= 0x80 else { return value }
            shift += 7
        }
    }

    /// A varint from 0 to `limit`.
    @inlinable
    package mutating func varint(max limit: UInt64) throws(CodecError) -> UInt64 {
        let value = try self.varint()
        guard value <= limit else { throw .aboveLimit(value: value, limit: limit) }
        return value
    }

    /// A varint that fits `Number`, from 0 to `limit`, which is ``FixedWidthInteger/max`` unless given.
    ///
    /// For the numbers of a list ``varint(max:)`` is the one to use: called from another module this is not
    /// specialised, and its arithmetic then costs more than all the rest of a message.
    @inlinable
    package mutating func integer<Number: FixedWidthInteger>(
        _: Number.Type = Number.self, max limit: Number = .max
    ) throws(CodecError) -> Number {
        Number(truncatingIfNeeded: try self.varint(max: UInt64(clamping: limit)))
    }

    @inlinable
    package mutating func zigzag() throws(CodecError) -> Int64 {
        let value = try self.varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    @inlinable
    package mutating func fixed64() throws(CodecError) -> UInt64 {
        let start = try self.advance(by: 8)
        return self.bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    @inlinable
    package mutating func duration() throws(CodecError) -> Duration {
        .nanoseconds(try self.zigzag())
    }

    /// - Throws: ``CodecError/unknownCase(type:value:)`` when the byte is no raw value of `Value`.
    @inlinable
    package mutating func enumeration<Value: RawRepresentable>(
        _ type: Value.Type = Value.self
    ) throws(CodecError) -> Value where Value.RawValue == UInt8 {
        let raw = try self.byte()
        guard let value = Value(rawValue: raw) else {
            throw .unknownCase(type: String(describing: type), value: UInt64(raw))
        }
        return value
    }
}

// MARK: - Text, bytes and lists, each after its length

extension WireReader {
    /// The length of what follows, checked against both the field's limit and the bytes that are there.
    @inlinable
    mutating func length(max limit: Int) throws(CodecError) -> Int {
        let length = try self.integer(Int.self, max: limit)
        guard length <= self.remaining else { throw .truncated(needed: length, available: self.remaining) }
        return length
    }

    /// Goes on by `count` bytes, and says where they begin.
    @inlinable
    mutating func advance(by count: Int) throws(CodecError) -> Int {
        guard count <= self.remaining else { throw .truncated(needed: count, available: self.remaining) }
        defer { self.position += count }
        return self.position
    }

    /// A string of at most `limit` bytes of UTF-8.
    package mutating func string(maxBytes limit: Int) throws(CodecError) -> String {
        let length = try self.length(max: limit)
        let start = try self.advance(by: length)
        let text = self.bytes.withUnsafeBufferPointer { bytes in
            String(validating: UnsafeBufferPointer(rebasing: bytes[start..<start + length]), as: UTF8.self)
        }
        guard let text else { throw .invalidText }
        return text
    }

    package mutating func node() throws(CodecError) -> NodeID {
        guard let node = NodeID(try self.string(maxBytes: NodeID.lengthMax)) else { throw .invalid(type: "NodeID") }
        return node
    }

    /// At most `limit` bytes.
    package mutating func bytes(max limit: Int) throws(CodecError) -> ByteBuffer {
        let length = try self.length(max: limit)
        let start = try self.advance(by: length)
        return ByteBuffer(bytes: self.bytes[start..<start + length])
    }

    /// A list of at most `limit` elements.
    ///
    /// A count that the bytes cannot hold, at one byte an element, is refused before anything is allocated.
    @inlinable
    package mutating func list<Element>(
        max limit: Int, _ readElement: (inout WireReader) throws(CodecError) -> Element
    ) throws(CodecError) -> [Element] {
        let count = try self.length(max: limit)
        var elements: [Element] = []
        elements.reserveCapacity(min(count, Self.elementsReservedMax))
        for _ in 0..<count {
            elements.append(try readElement(&self))
        }
        return elements
    }

    /// For how many elements space is made on the word of the sender; more grow as they come. An element in memory
    /// may be a hundred times its bytes on the wire.
    @usableFromInline
    static var elementsReservedMax: Int { 1_024 }

    @inlinable
    package mutating func optional<Value>(
        _ readValue: (inout WireReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value? {
        try self.bool() ? try readValue(&self) : nil
    }

    /// A part after its length, which `readFields` must read to its end.
    @inlinable
    package mutating func nested<Value>(
        _ readFields: (inout WireReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value {
        let length = try self.length(max: .max)
        let outerEnd = self.end
        defer { self.end = outerEnd }
        self.end = self.position + length
        let value = try readFields(&self)
        try self.finish()
        return value
    }

    /// Reads tagged fields up to the end of the message or nested part.
    ///
    /// `readField` is called for each with the reader confined to that field, and must read it to its end; for a tag
    /// that it does not know it calls ``skip()``.
    @inlinable
    package mutating func taggedFields(
        _ readField: (UInt64, inout WireReader) throws(CodecError) -> Void
    ) throws(CodecError) {
        var previous: UInt64 = 0
        while self.remaining > 0 {
            let tag = try self.varint()
            guard tag > previous else { throw .tagOutOfOrder(tag: tag, after: previous) }
            previous = tag
            try self.nested { (field) throws(CodecError) in try readField(tag, &field) }
        }
    }
}
