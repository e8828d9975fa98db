package import Basis
package import NIOCore

/// What the network knows of a message.
struct Message: Sendable {
    enum Kind: Sendable {
        case request
        case reply
        case failure
        case oneWay

        var rawName: StaticString {
            switch self {
            case .request: "request"
            case .reply: "reply"
            case .failure: "failure"
            case .oneWay: "one-way"
            }
        }
    }

    var kind: Kind
    var from: NodeID
    var to: NodeID
    /// Of the process that asks; 0 for a one-way message.
    var requesterBoot: UInt64
    /// The requester's count of requests; a reply bears its request's number.
    var number: UInt64
    var body: ByteBuffer?
    /// Of the body, so that traces differ where only contents do.
    var digest: Int64

    init(
        _ kind: Kind, from sender: NodeID, to receiver: NodeID, requesterBoot: UInt64, number: UInt64, body: ByteBuffer?
    ) {
        self.kind = kind
        self.from = sender
        self.to = receiver
        self.requesterBoot = requesterBoot
        self.number = number
        self.body = body
        let digest = body?.withUnsafeReadableBytes(Self.digest) ?? 0
        self.digest = Int64(bitPattern: digest)
    }

    var bytes: Int { self.body?.readableBytes ?? 0 }

    /// Eight bytes at a time, since every message of a simulation is digested.
    private static func digest(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
        func mix(_ word: UInt64) {
            digest = (digest ^ word) &* 0x9E37_79B9_7F4A_7C15
            digest ^= digest >> 29
        }
        var offset = 0
        while offset + 8 <= bytes.count {
            mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
            offset += 8
        }
        for byte in bytes[offset...] { mix(UInt64(byte)) }
        return digest
    }
}

/// A request or a reply as one sees it who watches every link. Failures and one-way messages are not shown.
package struct SeenMessage: Sendable {
    package enum Moment: Hashable, Sendable {
        case sent
        case arrived
    }

    package var moment: Moment
    /// False for a reply.
    package var isRequest: Bool
    package var from: NodeID
    package var to: NodeID
    /// With the requester's name and ``number`` it names the request, for the request and for its reply.
    package var requesterBoot: UInt64
    package var number: UInt64
    package var body: ByteBuffer
}

/// A reply that came when nobody waited for it any more.
package struct UnusedReply: Sendable {
    package var from: NodeID
    package var to: NodeID
    package var body: ByteBuffer
}
