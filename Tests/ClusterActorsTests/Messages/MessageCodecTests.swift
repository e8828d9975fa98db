import Basis
import ClusterActors
import Foundation
import Hypervisor
import NIOCore
import Placement
import Testing
import Transport

extension WireWriter {
    fileprivate mutating func write(raw bytes: [UInt8]) {
        for byte in bytes {
            self.write(byte: byte)
        }
    }
}

extension Message {
    var bytes: [UInt8] {
        switch self {
        case .request(let request): Array(MessageCodec.encode(request).readableBytesView)
        case .reply(let reply): Array(MessageCodec.encode(reply).readableBytesView)
        }
    }

    /// Decodes `bytes` as a message in the same direction as this one.
    func decoded(from bytes: [UInt8]) throws(CodecError) -> Message {
        switch self {
        case .request: .request(try MessageCodec.decodeRequest(ByteBuffer(bytes: bytes)))
        case .reply: .reply(try MessageCodec.decodeReply(ByteBuffer(bytes: bytes)))
        }
    }
}

@Suite("the bytes of messages")
struct MessageCodecTests {
    @Test("come back as the same message, for 4,000 generated messages of every case")
    func roundTrip() throws {
        var generator = MessageGenerator(seed: 1)
        var names: Set<String> = []
        for number in 0..<4_000 {
            let message: Message = number % 2 == 0 ? .request(generator.request()) : .reply(generator.reply())
            names.insert(message.name)
            #expect(try message.decoded(from: message.bytes) == message, "message \(number)")
        }
        #expect(names == Set(MessageExamples.all.map(\.name)), "generator and examples must cover every case")
    }

    @Test("tell by the first byte whose business they are", arguments: MessageExamples.all)
    func kind(message: Message) {
        let body = ByteBuffer(bytes: message.bytes)
        switch message {
        case .request(.membership): #expect(MessageCodec.kind(ofRequest: body) == .membership)
        case .request: #expect(MessageCodec.kind(ofRequest: body) == .isp)
        case .reply(.membership): #expect(MessageCodec.kind(ofReply: body) == .membership)
        case .reply(.stopping): #expect(MessageCodec.kind(ofReply: body) == nil)
        case .reply: #expect(MessageCodec.kind(ofReply: body) == .isp)
        }
    }

    @Test("have no kind when they begin like none")
    func noKind() {
        for bytes: [UInt8] in [[], [0], [255]] {
            #expect(MessageCodec.kind(ofRequest: ByteBuffer(bytes: bytes)) == nil)
            #expect(MessageCodec.kind(ofReply: ByteBuffer(bytes: bytes)) == nil)
        }
    }

    @Test("are an error at every truncation", arguments: MessageExamples.all)
    func truncation(message: Message) {
        let bytes = message.bytes
        for length in 0..<bytes.count {
            #expect(throws: CodecError.self, "\(message.name) cut to \(length) bytes") {
                try message.decoded(from: Array(bytes[..<length]))
            }
        }
    }

    @Test("are an error or a message that comes back the same, after each of 100,000 mutations")
    func mutations() throws {
        var rng = SplitMix64(seed: 2)
        var generator = MessageGenerator(seed: 3)
        let messages =
            MessageExamples.all + (0..<100).map { _ in .request(generator.request()) }
            + (0..<100).map { _ in .reply(generator.reply()) }
        let encoded = messages.map(\.bytes)
        var decodedCount = 0
        for number in 0..<100_000 {
            let index = number % messages.count
            var bytes = encoded[index]
            for _ in 0...Int.random(in: 0...2, using: &rng) {
                Self.mutate(&bytes, splicing: encoded[Int.random(in: 0..<encoded.count, using: &rng)], using: &rng)
            }
            guard let decoded = try? messages[index].decoded(from: bytes) else { continue }
            decodedCount += 1
            let again = try decoded.decoded(from: decoded.bytes)
            if again != decoded {
                Issue.record("mutation \(number) of \(messages[index].name): \(bytes)")
            }
        }
        // Else the second half of the claim would not have been tried.
        #expect(decodedCount > 5_000)
    }

    @Test("are an error or a message, for 100,000 sequences of random bytes")
    func randomBytes() {
        var rng = SplitMix64(seed: 4)
        for _ in 0..<50_000 {
            // The first bytes are tags, so small numbers lead deeper.
            let tags = (0..<2).map { _ in UInt8.random(in: 1...10, using: &rng) }
            let bytes =
                tags + (0..<Int.random(in: 0...60, using: &rng)).map { _ in UInt8.random(in: 0...255, using: &rng) }
            _ = try? MessageCodec.decodeRequest(ByteBuffer(bytes: bytes))
            _ = try? MessageCodec.decodeReply(ByteBuffer(bytes: bytes))
        }
    }

    private static func mutate(_ bytes: inout [UInt8], splicing other: [UInt8], using rng: inout SplitMix64) {
        guard !bytes.isEmpty else { return bytes.append(UInt8.random(in: 0...255, using: &rng)) }
        let position = Int.random(in: 0..<bytes.count, using: &rng)
        switch Int.random(in: 0..<7, using: &rng) {
        case 0: bytes[position] ^= 1 << Int.random(in: 0..<8, using: &rng)
        case 1: bytes[position] = UInt8.random(in: 0...255, using: &rng)
        case 2: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &rng)!
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &rng), at: position)
        case 4: bytes.remove(at: position)
        case 5: bytes.removeSubrange(position..<min(bytes.count, position + 8))
        default:
            let from = Int.random(in: 0..<other.count, using: &rng)
            bytes.replaceSubrange(position..<min(bytes.count, position + 8), with: other[from...].prefix(8))
        }
    }
}

// MARK: - Golden bytes

@Suite("golden bytes")
struct GoldenBytesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    /// A missing file is written, and the test fails once all the same: so to make a file anew, delete it and run the
    /// test twice; what changed shows in the version control.
    @Test("of this version are those on file", arguments: MessageExamples.all)
    func golden(message: Message) throws {
        let file = Self.folder.appending(path: message.name + ".hex")
        let bytes = message.bytes
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            try Self.hex(bytes).write(to: file, atomically: true, encoding: .utf8)
            Issue.record("\(file.path) was missing. It has been written: look at it and add it.")
            return
        }
        #expect(Self.hex(bytes) == text, "\(message.name) is encoded otherwise than older versions do it")
        #expect(try message.decoded(from: Self.bytes(text)) == message, "\(message.name)")
    }

    @Test("are on file for nothing but the examples")
    func nothingElse() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(files) == Set(MessageExamples.all.map { $0.name + ".hex" }))
    }

    /// Sixteen bytes a line.
    private static func hex(_ bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 16).map { start in
            bytes[start..<min(start + 16, bytes.count)].map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: " ") + "\n"
        }.joined()
    }

    private static func bytes(_ text: String) -> [UInt8] {
        text.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
    }
}

// MARK: - What newer and careless peers send

@Suite("messages of other versions and bad messages")
struct MessageToleranceTests {
    @Test("of a newer version decode without the field that it added at the end", arguments: MessageExamples.all)
    func unknownFieldAtEnd(message: Message) throws {
        var added = WireWriter()
        added.write(tag: 99) { $0.write(string: "of the future") }
        added.write(tag: 100) { _ in }
        let bytes = message.bytes + Array(added.finish().readableBytesView)
        #expect(try message.decoded(from: bytes) == message)
    }

    @Test("of a newer version decode without the fields that it added within a snapshot, a VM, an update")
    func unknownFieldWithin() throws {
        let future: (inout WireWriter) -> Void = { $0.write(tag: 50) { $0.write(fixed64: .max) } }
        var update = WireWriter()
        update.write(raw: [10, 1, 1])
        update.write(nested: { writer in
            for text in ["n4", "10.0.0.4:7400", "s", "r"] {
                writer.write(string: text)
            }
            writer.write(enumeration: MemberState.dead)
            writer.write(varint: 5)
            writer.write(tag: 1) { $0.write(node: "n5") }
            future(&writer)
        })
        let member = MemberDescription(id: "n4", address: "10.0.0.4:7400", site: "s", rack: "r")
        let fact = MemberUpdate(member: member, state: .dead, incarnation: 5, accuser: "n5")
        #expect(try MessageCodec.decodeRequest(update.finish()) == .membership(.probe(gossip: [fact])))

        var renewed = WireWriter()
        renewed.write(raw: [2, 1, 7, 0, 1])
        renewed.write(nested: { writer in
            writer.write(node: "n2")
            writer.write(raw: [1, 2, 3, 4, 5, 6, 7, 8])
            writer.write(enumeration: NodeState.active)
            writer.write(string: "s")
            writer.write(string: "r")
            writer.write(raw: [9, 1])
            writer.write(nested: { writer in
                writer.write(string: "vm")
                writer.write(raw: [1, 2, 3, 4, 5, 6, 1])
                future(&writer)
            })
            writer.write(raw: [80, 20])
            writer.write(duration: .seconds(1))
            future(&writer)
        })
        let amounts = Resources(cpuMillicores: 1, memoryMiB: 2, diskKiBPerSecond: 3, networkKiBPerSecond: 4)
        let reserved = Resources(cpuMillicores: 5, memoryMiB: 6, diskKiBPerSecond: 7, networkKiBPerSecond: 8)
        let snapshot = NodeSnapshot(
            node: Node(id: "n2", capacity: amounts, reserved: reserved, site: "s", rack: "r", linkMbps: 9),
            vms: [VirtualMachine(id: "vm", demand: amounts, cpuDemandVariance: 5, dirtyMiBPerSecond: 6)],
            thresholds: LoadThresholds(overloadPercent: 80, underloadPercent: 20), age: .seconds(1))
        let expected = RenewReply.renewed(revision: Revision(rawValue: 7), flights: 0, snapshot: snapshot)
        #expect(try MessageCodec.decodeReply(renewed.finish()) == .renew(expected))
    }

    @Test(
        "are refused with the reason",
        arguments: [
            ([], CodecError.truncated(needed: 1, available: 0)),
            ([0], .unknownCase(type: "RequestTag", value: 0)), ([11], .unknownCase(type: "RequestTag", value: 11)),
            // A node name with a blank.
            ([9, 3, 0x61, 0x20, 0x62, 1, 1], .invalid(type: "NodeID")),
            // Bytes after the message that are no tagged field, and one that comes twice.
            ([9, 1, 0x61, 1, 1, 0, 0], .tagOutOfOrder(tag: 0, after: 0)),
            ([9, 1, 0x61, 1, 1, 5, 0, 5, 0], .tagOutOfOrder(tag: 5, after: 5)),
            // A list of more updates than a message may have, and of more than bytes are left.
            ([10, 1, 0x81, 0x40], .aboveLimit(value: 8_193, limit: 8_192)),
            ([10, 1, 0x80, 0x40], .truncated(needed: 8_192, available: 0)),
            (
                [10, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
                .aboveLimit(value: .max >> 1, limit: 8_192)
            ),
        ] as [([UInt8], CodecError)])
    func refused(bytes: [UInt8], error: CodecError) {
        #expect(throws: error) { try MessageCodec.decodeRequest(ByteBuffer(bytes: bytes)) }
    }

    @Test("are cut to the limits when they are written, between characters")
    func cut() throws {
        let reason = String(repeating: "€", count: 1_000)
        let reply = Reply.migrate(.refused(reason: reason))
        let decoded = try MessageCodec.decodeReply(MessageCodec.encode(reply))
        // 512 bytes have room for 170 characters of three bytes.
        #expect(decoded == .migrate(.refused(reason: String(repeating: "€", count: 170))))

        let vms = (0..<NodeSnapshot.vmsMax + 5).map { VirtualMachine(id: VMID("v\($0)")!, demand: .zero) }
        let wild = Resources(cpuMillicores: -5, memoryMiB: .max)
        let snapshot = NodeSnapshot(
            node: Node(id: "n", capacity: wild), vms: vms,
            thresholds: LoadThresholds(overloadPercent: .max, underloadPercent: -1), age: .seconds(-1))
        let renewed = Reply.renew(.renewed(revision: Revision(rawValue: 1), flights: 0, snapshot: snapshot))
        guard case .renew(.renewed(_, _, let shown?)) = try MessageCodec.decodeReply(MessageCodec.encode(renewed))
        else {
            Issue.record("no snapshot")
            return
        }
        #expect(shown.vms == Array(vms.prefix(NodeSnapshot.vmsMax)))
        #expect(shown.node.capacity == Resources(cpuMillicores: 0, memoryMiB: Resources.amountMax))
        #expect(shown.thresholds == LoadThresholds(overloadPercent: WireLimits.percentMax, underloadPercent: 0))
        #expect(shown.age == .zero)
    }

    @Test("of one update measure no more than gossip counts for it")
    func updateMeasure() {
        var generator = MessageGenerator(seed: 5)
        for _ in 0..<1_000 {
            let update = generator.update()
            let empty = MessageCodec.encode(.membership(.probe(gossip: []))).readableBytes
            let measured = MessageCodec.encode(.membership(.probe(gossip: [update]))).readableBytes - empty
            #expect(measured <= update.bytesBound)
            #expect(update.bytesBound <= MemberUpdate.bytesMax)
        }
    }
}
