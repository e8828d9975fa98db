import Basis
import NIOCore
import Testing
import Transport

@Suite("The frame decoder")
struct FrameDecoderTests {
    private static let frames = [
        Frame(.hello, body: ByteBuffer(string: "who")),
        Frame(.request, flags: 0x0001, correlation: 1, body: ByteBuffer(repeating: 7, count: 300)),
        Frame(.ping, flags: Frame.pingAnswer),
        Frame(version: 9, rawKind: 200, flags: 0xFFFF, correlation: .max, body: ByteBuffer(string: "later")),
    ]

    private static var stream: ByteBuffer {
        var bytes = ByteBuffer()
        for frame in Self.frames { frame.encode(into: &bytes) }
        return bytes
    }

    @Test("writes the layout that the protocol gives")
    func goldenBytes() {
        var bytes = ByteBuffer()
        Frame(.request, flags: 0x0102, correlation: 0x0A0B, body: ByteBuffer(bytes: [0xEE])).encode(into: &bytes)
        #expect(
            Array(bytes.readableBytesView)
                == [0, 0, 0, 13, 1, 2, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0x0A, 0x0B, 0xEE])
    }

    @Test("finds the same frames whatever the pieces in which the bytes come", arguments: [1, 2, 3, 7, 16, 10_000])
    func pieces(size: Int) throws {
        var (bytes, decoder, found) = (Self.stream, FrameDecoder(frameBytesMax: 1_024), [Frame]())
        while bytes.readableBytes > 0 {
            guard let piece = bytes.readSlice(length: min(size, bytes.readableBytes)) else { break }
            decoder.append(piece)
            while let frame = try decoder.next() { found.append(frame) }
        }
        #expect(found == Self.frames)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test(
        "refuses a length outside the limits as soon as its four bytes are there",
        arguments: [
            (length: UInt32.max, error: FrameError.tooLong(bytes: 4_294_967_295, limit: 1_024)),
            (length: 1_025, error: .tooLong(bytes: 1_025, limit: 1_024)),
            (length: 11, error: .tooShort(bytes: 11)),
            (length: 0, error: .tooShort(bytes: 0)),
        ])
    func absurdLength(length: UInt32, error: FrameError) {
        var decoder = FrameDecoder(frameBytesMax: 1_024)
        decoder.append(ByteBuffer(integer: length))
        for _ in 0..<2 {
            #expect(throws: error) { try decoder.next() }
        }
    }

    @Test("takes a frame of exactly the limit")
    func exactLimit() throws {
        var (bytes, decoder) = (ByteBuffer(), FrameDecoder(frameBytesMax: 1_024))
        Frame(.oneway, body: ByteBuffer(repeating: 1, count: 1_024 - Frame.headerBytes)).encode(into: &bytes)
        decoder.append(bytes)
        let frame = try decoder.next()
        #expect(frame?.body.readableBytes == 1_012)
    }

    @Test("refuses kind 0, and does so again")
    func kindZero() {
        var (bytes, decoder) = (ByteBuffer(), FrameDecoder(frameBytesMax: 1_024))
        Frame(rawKind: 0).encode(into: &bytes)
        decoder.append(bytes)
        for _ in 0..<2 {
            #expect(throws: FrameError.noKind) { try decoder.next() }
        }
    }

    @Test("survives 100,000 mutated streams and never holds more than was sent", arguments: [UInt64(1)])
    func mutations(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let original = Array(Self.stream.readableBytesView)
        var outcomes: [String: Int] = [:]
        for round in 0..<100_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch UInt8.random(in: 0...2, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                }
            }
            var decoder = FrameDecoder(frameBytesMax: 1_024)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            var bodyBytes = 0
            do {
                for piece in [bytes[..<cut], bytes[cut...]] {
                    decoder.append(ByteBuffer(bytes: piece))
                    while let frame = try decoder.next() {
                        bodyBytes += frame.body.readableBytes
                        // What a peer does with a body that came through.
                        _ = try? Hello(decoding: frame.body)
                        _ = HelloRefusal.reason(decoding: frame.body)
                    }
                }
                outcomes["whole", default: 0] += 1
            } catch {
                outcomes["refused", default: 0] += 1
            }
            let held = bodyBytes + decoder.bufferedBytes
            #expect(held <= bytes.count, "seed \(seed), round \(round)")
        }
        #expect(outcomes.count == 2, "both outcomes must occur, seed \(seed): \(outcomes)")
    }
}
