package import NIOCore

/// Cuts a byte stream into ``Frame``s, however the bytes come.
///
/// It holds at most one unfinished frame of the permitted length plus what came in the same read: a length is
/// compared with the limit as soon as its four bytes are there.
package struct FrameDecoder: Sendable {
    /// The most bytes that `length` may announce.
    private let frameBytesMax: Int
    private var received = ByteBuffer()

    package init(frameBytesMax: Int) {
        self.frameBytesMax = frameBytesMax
    }

    /// How many bytes wait for the rest of their frame.
    package var bufferedBytes: Int { self.received.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        guard self.received.readableBytes > 0 else {
            // Nearly always: the read ends with a frame. The frames' bodies then share the storage of the read.
            self.received = bytes
            return
        }
        self.received.discardReadBytes()
        self.received.writeImmutableBuffer(bytes)
    }

    /// The next whole frame, or nil until more bytes come.
    ///
    /// - Throws: ``FrameError``, and again at each further call: there is no way back into step.
    package mutating func next() throws(FrameError) -> Frame? {
        guard self.received.readableBytes >= Frame.lengthBytes else { return nil }
        // In one go: each read out of a `ByteBuffer` checks its storage anew.
        let (announced, header) = self.received.withUnsafeReadableBytes { bytes in
            (
                UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)),
                bytes.count < Frame.lengthBytes + Frame.headerBytes ? nil : Header(after: Frame.lengthBytes, in: bytes)
            )
        }
        let length = Int(announced)
        guard length <= self.frameBytesMax else { throw .tooLong(bytes: length, limit: self.frameBytesMax) }
        guard length >= Frame.headerBytes else { throw .tooShort(bytes: length) }
        guard let header, self.received.readableBytes >= Frame.lengthBytes + length else { return nil }
        guard header.kind != 0 else { throw .noKind }
        self.received.moveReaderIndex(forwardBy: Frame.lengthBytes + Frame.headerBytes)
        guard let body = self.received.readSlice(length: length - Frame.headerBytes) else {
            preconditionFailure("the frame was there a line ago")
        }
        return Frame(
            version: header.version, rawKind: header.kind, flags: header.flags, correlation: header.correlation,
            body: body)
    }

    /// What stands between the length and the body.
    private struct Header {
        var version: UInt8
        var kind: UInt8
        var flags: UInt16
        var correlation: UInt64

        init(after start: Int, in bytes: UnsafeRawBufferPointer) {
            self.version = bytes[start]
            self.kind = bytes[start + 1]
            self.flags = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self))
            self.correlation = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt64.self))
        }
    }
}
