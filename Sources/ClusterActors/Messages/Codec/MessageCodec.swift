package import NIOCore
package import Transport

/// The bytes of ``Request`` and ``Reply``: the body of a frame.
///
/// A body is the tag of the case, then its fields in the order in which they are read here, then tagged fields. Tags
/// are never reused. A version that has more to say adds a tagged field at the end of a message, or of a part that is
/// written with its length (a snapshot, a VM, an update); older versions skip it. A new case is refused by older
/// versions as malformed, so it must only be sent to peers that are known to know it.
///
/// Decoding is total. Encoding never fails: what a field has no room for is cut to its limit in ``WireLimits``.
package enum MessageCodec {
    package static func encode(_ request: Request) -> ByteBuffer {
        var writer = WireWriter()
        writer.write(request)
        return writer.finish()
    }

    package static func encode(_ reply: Reply) -> ByteBuffer {
        var writer = WireWriter()
        writer.write(reply)
        return writer.finish()
    }

    package static func decodeRequest(_ body: ByteBuffer) throws(CodecError) -> Request {
        var reader = WireReader(body)
        let request = try reader.request()
        try reader.skipTaggedFields()
        return request
    }

    package static func decodeReply(_ body: ByteBuffer) throws(CodecError) -> Reply {
        var reader = WireReader(body)
        let reply = try reader.reply()
        try reader.skipTaggedFields()
        return reply
    }
}

/// Whose business a message is.
package enum MessageKind: Hashable, Sendable {
    /// The failure detector's and its gossip.
    case membership
    /// All that ISPs need: reservations, migrations, handovers, waiting.
    case isp
}

/// How large the fields of a message may be that have no limit by their type.
package enum WireLimits {
    /// Words for an operator, in bytes of UTF-8. Longer ones are cut.
    package static let reasonBytesMax = 512
    /// What a driver asks of another host (libvirt: a CPU description in XML), in bytes. The other host's driver
    /// refuses one that was cut, because it no longer parses.
    package static let cpuRequirementBytesMax = 65_536
    /// The percentages of thresholds.
    package static let percentMax = 10_000
}

extension WireReader {
    /// Reads over what a newer version has added at the end of a message or part.
    mutating func skipTaggedFields() throws(CodecError) {
        try self.taggedFields { (_, field) throws(CodecError) in field.skip() }
    }
}
