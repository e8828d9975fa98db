/// An IPv4 address.
package struct IPv4Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// In host byte order: 10.0.0.1 is 0x0A00_0001.
    package let bits: UInt32

    package init(bits: UInt32) {
        self.bits = bits
    }

    /// - Returns: nil when `text` is not four numbers of 0 to 255 with dots between them.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            // No sign, and no leading zero that others read as octal.
            guard part.allSatisfy({ $0.isASCII && $0.isNumber }), part.count == 1 || part.first != "0",
                let octet = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt32(octet)
        }
        self.bits = bits
    }

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.bits < right.bits }

    package var description: String {
        "\(self.bits >> 24).\(self.bits >> 16 & 255).\(self.bits >> 8 & 255).\(self.bits & 255)"
    }
}

/// A range of IPv4 addresses that share their first bits, as in `10.158.0.0/18` (RFC 4632).
package struct IPv4Subnet: Hashable, Sendable, CustomStringConvertible {
    /// The network's own address: the first of the range.
    package let network: IPv4Address
    /// How many bits all addresses share, 0 to 32.
    package let prefixLength: Int

    /// - Returns: nil when `text` is not an address, a slash and a prefix length, or the address has bits behind the
    ///   prefix.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(String(parts[0])), parts[1].count <= 2,
            parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let length = Int(parts[1]), (0...32).contains(length)
        else { return nil }
        guard UInt64(address.bits) & (Self.addresses(behind: length) - 1) == 0 else { return nil }
        self.network = address
        self.prefixLength = length
    }

    /// How many addresses there are, the network's and the broadcast address included.
    package var addressCount: UInt64 { Self.addresses(behind: self.prefixLength) }

    /// The last of the range.
    package var broadcast: IPv4Address {
        IPv4Address(bits: UInt32(UInt64(self.network.bits) + self.addressCount - 1))
    }

    package func contains(_ address: IPv4Address) -> Bool {
        self.network <= address && address <= self.broadcast
    }

    private static func addresses(behind length: Int) -> UInt64 { 1 << UInt64(32 - length) }

    package var description: String { "\(self.network)/\(self.prefixLength)" }
}
