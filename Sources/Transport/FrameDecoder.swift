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
        let start = self.received.readerIndex
        guard let announced = self.received.getInteger(at: start, as: UInt32.self) else { return nil }
        let length = Int(announced)
        guard length <= self.frameBytesMax else { throw .tooLong(bytes: length, limit: self.frameBytesMax) }
        guard length >= Frame.headerBytes else { throw .tooShort(bytes: length) }
        guard self.received.readableBytes >= Frame.lengthBytes + length else { return nil }
        guard
            let (_, version, kind, flags, correlation) = self.received.readMultipleIntegers(
                as: (UInt32, UInt8, UInt8, UInt16, UInt64).self),
            let body = self.received.readSlice(length: length - Frame.headerBytes)
        else { preconditionFailure("the frame was there a line ago") }
        guard kind != 0 else {
            self.received.moveReaderIndex(to: start)
            throw .noKind
        }
        return Frame(version: version, rawKind: kind, flags: flags, correlation: correlation, body: body)
    }
}
