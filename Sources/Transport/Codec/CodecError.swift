/// Why bytes are not the message that they should be.
///
/// Decoding is total: every byte sequence either gives a value or one of these, whatever a peer sends.
package enum CodecError: Error, Hashable, Sendable {
    /// The bytes end where `needed` more were expected.
    case truncated(needed: Int, available: Int)
    /// The value was complete, and bytes came after it.
    case leftOver(bytes: Int)
    /// A varint longer than 10 bytes, greater than `UInt64.max`, or not in its shortest form.
    case malformedVarint
    /// A length, a count or a number above what its field allows.
    case aboveLimit(value: UInt64, limit: UInt64)
    /// A string that is not UTF-8.
    case invalidText
    /// A number that stands for no case of `type`.
    case unknownCase(type: String, value: UInt64)
    /// Well-formed bytes that are no `type`, such as a node name with a blank.
    case invalid(type: String)
    /// Tagged fields stand in ascending order, each at most once, and 0 is no tag.
    case tagOutOfOrder(tag: UInt64, after: UInt64)
}
