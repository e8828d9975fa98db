package import NIOCore

/// What a frame is for. 0 is no kind: a frame of kind 0 is garbage and ends the connection.
package enum FrameKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Who the sender is: the first frame in each direction, and only that (``Hello``).
    case hello = 1
    /// A question with a correlation, answered by one reply or one refusal with the same.
    case request = 2
    case reply = 3
    /// A message without an answer.
    case oneway = 4
    /// Why a request, or with correlation 0 the whole connection, is not taken.
    case refusal = 5
    /// Are you there? Answered by a ping with ``Frame/pingAnswer`` set.
    case ping = 6
    /// The sender starts nothing new on this connection; what is under way still ends.
    case goodbye = 7
}

/// The unit on the wire: `length u32 BE | version u8 | kind u8 | flags u16 BE | correlation u64 BE | body`.
///
/// `length` counts the bytes after itself. The kind and the version stay raw, because a receiver must be able to
/// refuse those that it does not know without losing the connection.
package struct Frame: Hashable, Sendable {
    package var version: UInt8
    package var rawKind: UInt8
    /// The low byte of a request or one-way message is its ``Service``; the high byte holds marks such as
    /// ``pingAnswer``, and receivers ignore marks that they do not know.
    package var flags: UInt16
    package var correlation: UInt64
    package var body: ByteBuffer

    package init(
        version: UInt8 = Self.version, rawKind: UInt8, flags: UInt16 = 0, correlation: UInt64 = 0,
        body: ByteBuffer = ByteBuffer()
    ) {
        self.version = version
        self.rawKind = rawKind
        self.flags = flags
        self.correlation = correlation
        self.body = body
    }

    package init(
        _ kind: FrameKind, flags: UInt16 = 0, correlation: UInt64 = 0, body: ByteBuffer = ByteBuffer()
    ) {
        self.init(rawKind: kind.rawValue, flags: flags, correlation: correlation, body: body)
    }

    /// The version of the frame layout that this code writes, and the newest that it reads.
    package static let version: UInt8 = 1
    /// How many bytes of `length` are not body.
    package static let headerBytes = 12
    /// The size of the length field, in bytes.
    package static let lengthBytes = 4
    /// Marks a ping as the answer to one.
    package static let pingAnswer: UInt16 = 0x0100

    /// Nil when this version does not know it.
    package var kind: FrameKind? { FrameKind(rawValue: self.rawKind) }
    package var service: Service { Service(rawValue: UInt8(truncatingIfNeeded: self.flags)) }

    /// Appends this frame to `buffer`.
    ///
    /// - Precondition: The body fits: whoever takes a body from outside compares it with `frameBytesMax` first.
    package func encode(into buffer: inout ByteBuffer) {
        guard let length = UInt32(exactly: Self.headerBytes + self.body.readableBytes) else {
            preconditionFailure("a body of \(self.body.readableBytes) bytes passed the limit of frames")
        }
        // In one go: each write into a `ByteBuffer` checks its storage anew.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.lengthBytes + Int(length)) { bytes in
            bytes.storeBytes(of: length.bigEndian, toByteOffset: 0, as: UInt32.self)
            bytes.storeBytes(of: self.version, toByteOffset: 4, as: UInt8.self)
            bytes.storeBytes(of: self.rawKind, toByteOffset: 5, as: UInt8.self)
            bytes.storeBytes(of: self.flags.bigEndian, toByteOffset: 6, as: UInt16.self)
            bytes.storeBytes(of: self.correlation.bigEndian, toByteOffset: 8, as: UInt64.self)
            self.body.withUnsafeReadableBytes { body in
                guard let source = body.baseAddress, let start = bytes.baseAddress else { return }
                (start + Self.lengthBytes + Self.headerBytes).copyMemory(from: source, byteCount: body.count)
            }
            return Self.lengthBytes + Int(length)
        }
    }
}

/// Why bytes cannot be cut into frames. Nothing after them can be trusted: the connection ends.
package enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The length field says more than the limit. Nothing was allocated for it.
    case tooLong(bytes: Int, limit: Int)
    /// The length field says less than a header.
    case tooShort(bytes: Int)
    /// Kind 0.
    case noKind

    package var description: String {
        switch self {
        case .tooLong(let bytes, let limit):
            "a frame announced \(bytes) bytes, \(limit) are allowed: the peer is broken or speaks another protocol"
        case .tooShort(let bytes): "a frame announced \(bytes) bytes, a header alone has \(Frame.headerBytes)"
        case .noKind: "a frame of kind 0"
        }
    }
}
