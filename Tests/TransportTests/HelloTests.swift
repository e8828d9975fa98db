import Basis
import NIOCore
import Testing
import Transport

@Suite("A hello")
struct HelloTests {
    private static func hello(
        _ node: NodeID, cluster: String = "c", boot: UInt64 = 1, min: UInt16 = 1, max: UInt16 = 1
    ) -> Hello {
        Hello(
            identity: TransportIdentity(node: node, cluster: cluster, boot: boot), protocolMin: min, protocolMax: max)
    }

    @Test("comes through its own bytes, with fields that a newer version appended")
    func roundTrip() throws {
        let hello = Self.hello("n1", cluster: "prod", boot: 0xFF00_0000_0000_0001, min: 1, max: 300)
        #expect(try Hello(decoding: hello.encoded()) == hello)
        var writer = WireWriter()
        writer.write(tag: 5) { $0.write(string: "new") }
        var extended = hello.encoded()
        extended.writeImmutableBuffer(writer.finish())
        #expect(try Hello(decoding: extended) == hello)
    }

    @Test(
        "is accepted or refused for the right reason",
        arguments: [
            (peer: Self.hello("b"), meant: NodeID?.none, names: [String]?.none, refusal: HelloRefusal?.none),
            (Self.hello("b"), "b", ["x", "b"], nil),
            (Self.hello("b", min: 1, max: 9), nil, nil, nil),
            (Self.hello("b", cluster: "d"), nil, nil, .wrongCluster(theirs: "d", ours: "c")),
            (Self.hello("b", min: 2, max: 3), nil, nil, .noCommonProtocol(theirs: 2...3)),
            (Self.hello("b", min: 5, max: 0), nil, nil, .noCommonProtocol(theirs: 5...5)),
            (Self.hello("b"), nil, ["c"], .certificateOfAnother(node: "b", names: ["c"])),
            (Self.hello("b"), nil, ["B"], .certificateOfAnother(node: "b", names: ["B"])),
            (Self.hello("b"), nil, ["*"], .certificateOfAnother(node: "b", names: ["*"])),
            (Self.hello("a"), "b", nil, .selfDial),
            (Self.hello("a", boot: 2), nil, nil, .duplicateID(node: "a", boot: 2)),
            (Self.hello("c"), "b", nil, .notTheNodeMeant(meant: "b", is: "c")),
        ] as [(Hello, NodeID?, [String]?, HelloRefusal?)])
    func judged(peer: Hello, meant: NodeID?, names: [String]?, refusal: HelloRefusal?) {
        #expect(Self.hello("a").refusal(of: peer, meant: meant, certificateNames: names) == refusal)
    }

    @Test("that was refused says why in words that the peer can read")
    func refusalText() {
        let refusal = HelloRefusal.wrongCluster(theirs: String(repeating: "é", count: 5_000), ours: "c")
        #expect(HelloRefusal.reason(decoding: refusal.encoded())?.hasPrefix("it is of cluster") == true)
        #expect(HelloRefusal.reason(decoding: ByteBuffer(bytes: [5])) == nil)
    }

    private typealias Candidate = DuplicateVerdict.Candidate

    @Test("Of two connections dialled by both, the two ends keep the same one, that of the lower id")
    func bothDialled() {
        // Seen by "a" (the lower): own dial is old, then own dial is new; seen by "b" the other way round.
        let (dialled, accepted) = (
            Candidate(peerBoot: 1, dialledByUs: true), Candidate(peerBoot: 1, dialledByUs: false)
        )
        #expect(DuplicateVerdict(old: dialled, new: accepted, local: "a", peer: "b") == .retireNew)
        #expect(DuplicateVerdict(old: accepted, new: dialled, local: "a", peer: "b") == .retireOld)
        #expect(DuplicateVerdict(old: accepted, new: dialled, local: "b", peer: "a") == .retireNew)
        #expect(DuplicateVerdict(old: dialled, new: accepted, local: "b", peer: "a") == .retireOld)
    }

    @Test("Of two connections dialled by one node the later stays, and a later boot beats an earlier one")
    func sameDialler() {
        for dialledByUs in [true, false] {
            let old = Candidate(peerBoot: 5, dialledByUs: dialledByUs)
            for (local, peer) in [("a", "b"), ("b", "a")] as [(NodeID, NodeID)] {
                #expect(DuplicateVerdict(old: old, new: old, local: local, peer: peer) == .retireOld)
                for newDialledByUs in [true, false] {
                    let (later, earlier) = (
                        Candidate(peerBoot: 6, dialledByUs: newDialledByUs),
                        Candidate(peerBoot: 4, dialledByUs: newDialledByUs)
                    )
                    #expect(DuplicateVerdict(old: old, new: later, local: local, peer: peer) == .dropOld)
                    #expect(DuplicateVerdict(old: old, new: earlier, local: local, peer: peer) == .refuseNew)
                }
            }
        }
    }
}
