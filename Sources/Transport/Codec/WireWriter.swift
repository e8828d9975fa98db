package import Basis
package import NIOCore

/// Writes a message body: little by little, without a schema, the counterpart of ``WireReader``.
///
/// It collects in an array and makes the `ByteBuffer` at the end with one copy: an append is inlined to a store,
/// whereas each write into a `ByteBuffer` checks its storage anew, which costs ten times as much in a list.
/// Writing never fails: what may be written at all is for the one who writes to bound.
package struct WireWriter: Sendable {
    @usableFromInline
    var bytes: [UInt8] = []

    /// - Parameter capacity: how many bytes to allocate at first, a guess that saves growing.
    @inlinable
    package init(capacity: Int = 256) {
        self.bytes.reserveCapacity(capacity)
    }

    /// How many bytes have been written.
    @inlinable
    package var count: Int { self.bytes.count }

    /// What was written, ready to be sent.
    package consuming func finish() -> ByteBuffer {
        ByteBuffer(bytes: self.bytes)
    }
}

// MARK: - Numbers

extension WireWriter {
    @inlinable
    package mutating func write(byte: UInt8) {
        self.bytes.append(byte)
    }

    @inlinable
    package mutating func write(bool: Bool) {
        self.bytes.append(bool ? 1 : 0)
    }

    /// Seven bits a byte, least significant first, the top bit saying that more follow: 1 to 10 bytes.
    @inlinable
    package mutating func write(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A signed number as a varint in which small magnitudes are short: 0, -1, 1, -2 become 0, 1, 2, 3.
    @inlinable
    package mutating func write(zigzag value: Int64) {
        self.write(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Eight bytes, most significant first: for numbers that are as likely large as small.
    @inlinable
    package mutating func write(fixed64 value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { self.bytes.append(contentsOf: $0) }
    }

    /// A duration in nanoseconds, saturated to ±292 years, as a zigzag varint.
    @inlinable
    package mutating func write(duration: Duration) {
        self.write(zigzag: duration.inNanoseconds)
    }

    /// The raw value of an enumeration, in one byte.
    @inlinable
    package mutating func write<Value: RawRepresentable>(enumeration value: Value) where Value.RawValue == UInt8 {
        self.bytes.append(value.rawValue)
    }
}

// MARK: - Text, bytes and lists, each after its length

extension WireWriter {
    @inlinable
    package mutating func write(string: String) {
        var string = string
        string.withUTF8 { utf8 in
            self.write(varint: UInt64(utf8.count))
            self.bytes.append(contentsOf: utf8)
        }
    }

    @inlinable
    package mutating func write(node: NodeID) {
        self.write(string: node.name)
    }

    package mutating func write(bytes buffer: ByteBuffer) {
        self.write(varint: UInt64(buffer.readableBytes))
        self.bytes.append(contentsOf: buffer.readableBytesView)
    }

    /// The number of elements, then each as `writeElement` writes it.
    @inlinable
    package mutating func write<Elements: Collection>(
        list: Elements, _ writeElement: (inout WireWriter, Elements.Element) -> Void
    ) {
        self.write(varint: UInt64(list.count))
        for element in list {
            writeElement(&self, element)
        }
    }

    /// 0 for nil; 1 and the value otherwise.
    @inlinable
    package mutating func write<Value>(optional: Value?, _ writeValue: (inout WireWriter, Value) -> Void) {
        self.write(bool: optional != nil)
        if let optional {
            writeValue(&self, optional)
        }
    }

    /// What `writeFields` writes, after its length: a part that can grow ``write(tag:_:)`` fields of its own.
    @inlinable
    package mutating func write(nested writeFields: (inout WireWriter) -> Void) {
        let start = self.bytes.count
        writeFields(&self)
        self.insertLength(from: start)
    }

    /// A field that older readers skip: its tag, its length, its bytes.
    ///
    /// Tagged fields come last in a message or in a nested part, in ascending order of tag, each at most once.
    ///
    /// - Parameter tag: from 1.
    @inlinable
    package mutating func write(tag: UInt64, _ writeField: (inout WireWriter) -> Void) {
        precondition(tag > 0, "tags count from 1")
        self.write(varint: tag)
        self.write(nested: writeField)
    }

    /// Puts the length of what was written from `start` on before it.
    @usableFromInline
    mutating func insertLength(from start: Int) {
        let length = self.bytes.count - start
        guard length >= 0x80 else {
            self.bytes.insert(UInt8(length), at: start)
            return
        }
        var prefix = WireWriter(capacity: 10)
        prefix.write(varint: UInt64(length))
        self.bytes.insert(contentsOf: prefix.bytes, at: start)
    }
}
