/// An Ethernet address.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    /// The lower 48 bits count.
    package let bits: UInt64

    package init(bits: UInt64) {
        precondition(bits < 1 << 48, "an Ethernet address has 48 bits")
        self.bits = bits
    }

    package var description: String {
        (0..<6).map { place in
            let octet = String(self.bits >> UInt64(8 * (5 - place)) & 255, radix: 16)
            return octet.count == 1 ? "0" + octet : octet
        }.joined(separator: ":")
    }
}
