package import Basis

/// The nodes of the ring as the config lists them.
package struct RingSettings: Hashable, Sendable {
    package var order: RingOrder
    /// At least two, ids and addresses unique; in the file's order, whatever ``order`` says.
    package var nodes: [RingNodeSettings]
}

/// Clockwise order of the ring.
package enum RingOrder: String, Hashable, Sendable, CaseIterable {
    /// By site, then rack, then id, so that neighbours are near.
    case sorted
    /// As the file lists them.
    case listed
}

/// One node of the ring, with what differs on it from what the file says for all.
package struct RingNodeSettings: Hashable, Sendable {
    package var id: NodeID
    package var address: NodeAddress
    package var site: String
    package var rack: String
    package var overrides: NodeOverrides
}

/// What an entry of `ring.nodes` may say in place of the file's own keys; nil: as the file says.
package struct NodeOverrides: Hashable, Sendable {
    package var listen: NodeAddress?
    package var linkMbps: Int?
    package var cpuCapacityMillicores: Int?
    package var memoryCapacityMiB: Int?
    package var cpuReserveMillicores: Int?
    package var memoryReserveMiB: Int?

    package init() {}
}

/// A host and a TCP port: `10.77.0.1:7400`, `h1.example:7400`, `[::1]:7400`.
package struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, without brackets.
    package let host: String
    /// 1 to 65,535.
    package let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Returns: nil when `text` is not host:port.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits), (1...65_535).contains(port)
        else {
            return nil
        }
        var host = text[..<colon]
        let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if bracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.utf8.count <= Self.hostBytesMax, bracketed == host.contains(":"),
            host.utf8.allSatisfy(Self.isAllowed)
        else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// The longest host name (RFC 1035 §2.3.4).
    package static let hostBytesMax = 253

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: ":"), UInt8(ascii: "%"):
            true
        default:
            false
        }
    }

    /// Whether nobody outside of this machine can be at the other end.
    package var isLoopback: Bool {
        if self.host == "localhost" || self.host == "::1" { return true }
        let octets = self.host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    package var description: String { "\(Self.bracketed(self.host)):\(self.port)" }

    /// A host as it stands before a port or in a URI: an IPv6 address in brackets (RFC 3986 §3.2.2).
    package static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}
