/// The name of a node: what the ring config, certificates and messages call it.
///
/// 1 to ``lengthMax`` bytes out of `a-z A-Z 0-9 . _ -`, so that it can stand in a file name, a log line and a
/// certificate's DNS name without quoting. Ordered by its UTF-8 bytes, the same on every machine.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The longest node name, in bytes (RFC 1035 §2.3.4: the longest DNS label is 63).
    package static let lengthMax = 63

    package let name: String

    /// - Returns: nil when `name` is empty, too long, or has a character outside the alphabet.
    package init?(_ name: String) {
        var name = name
        // As one run of bytes, which is quicker than byte by byte: names are read from the wire by the thousand.
        let isName = name.withUTF8 { bytes in
            !bytes.isEmpty && bytes.count <= Self.lengthMax && bytes.allSatisfy(Self.isAllowed)
        }
        guard isName else { return nil }
        self.name = name
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }

    package static func < (left: NodeID, right: NodeID) -> Bool {
        left.name.precedes(right.name)
    }

    package var description: String { self.name }
}

extension NodeID: ExpressibleByStringLiteral {
    /// For names written in source, as tests do.
    package init(stringLiteral value: String) {
        guard let id = NodeID(value) else { preconditionFailure("\(value) is not a node name") }
        self = id
    }
}
