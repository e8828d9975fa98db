import Basis
import Testing

@Suite("The order of names")
struct ByteOrderTests {
    @Test("is that of their bytes, of short names, long ones and such as are no ASCII")
    func order() {
        let long = String(repeating: "x", count: 40)
        let names = ["", "a", "a1", "a10", "a2", "b", "é", "z", "\u{65}\u{301}", long, long + "a", "日本", "n9", "N9"]
        for left in names {
            for right in names {
                #expect(left.precedes(right) == Array(left.utf8).lexicographicallyPrecedes(Array(right.utf8)))
            }
        }
    }
}
