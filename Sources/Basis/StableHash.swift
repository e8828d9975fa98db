/// FNV-1a with 64 bits (draft-eastlake-fnv): the same on every machine and in every process, unlike `Hasher`.
///
/// Tells texts apart; it is no proof against texts that somebody made to collide.
package struct StableHash: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    /// Of one text.
    package init(of text: String) {
        self.combine(text.utf8)
    }

    package mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            self.value = (self.value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
    }

    /// The value with its upper half mixed into the lower one, which is the weaker half: for those who use few bits of it.
    package var folded: UInt64 { self.value ^ self.value >> 32 }
}
