import Basis
import Testing

@Suite("Node names")
struct NodeIDTests {
    @Test(
        "takes 1 to 63 bytes of letters, digits, dot, underscore and hyphen",
        arguments: [
            ("a", true), ("", false), ("n1.rack_2-A", true), (String(repeating: "x", count: 63), true),
            (String(repeating: "x", count: 64), false), ("with space", false), ("é", false), ("a/b", false),
            ("a\0", false),
        ])
    func alphabet(name: String, isAllowed: Bool) {
        #expect((NodeID(name) != nil) == isAllowed)
        #expect(NodeID(name)?.description == (isAllowed ? name : nil))
    }

    @Test("orders by bytes: capitals before small letters, a prefix before what it begins")
    func order() {
        let sorted: [NodeID] = ["-", ".", "0", "A", "Z", "_", "a", "a0", "b"]
        #expect(sorted.shuffled().sorted() == sorted)
    }
}
