import Basis
import Testing

@Suite("The hash that is the same everywhere")
struct StableHashTests {
    /// Test vectors of draft-eastlake-fnv for 64-bit FNV-1a.
    @Test(
        "gives the published numbers",
        arguments: [("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8)]
            as [(String, UInt64)])
    func published(text: String, value: UInt64) {
        #expect(StableHash(of: text).value == value)
    }

    @Test("takes bytes in any number of pieces")
    func pieces() {
        var hash = StableHash(of: "foo")
        hash.combine("bar".utf8)
        #expect(hash == StableHash(of: "foobar"))
    }
}
