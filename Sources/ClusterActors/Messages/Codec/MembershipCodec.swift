import Basis
import Transport

private enum MessageTag: UInt8 {
    case probe = 1
    case probeRequest = 2
    case exchange = 3
}

private enum ReplyTag: UInt8 {
    case alive = 1
    case targetAlive = 2
    case targetSilent = 3
    case exchange = 4
}

/// The tagged fields of an update.
private enum UpdateField {
    static let accuser: UInt64 = 1
}

extension WireWriter {
    mutating func write(_ message: MembershipMessage) {
        switch message {
        case .probe(let gossip):
            self.write(enumeration: MessageTag.probe)
            self.write(updates: gossip)
        case .probeRequest(let target, let gossip):
            self.write(enumeration: MessageTag.probeRequest)
            self.write(node: target)
            self.write(updates: gossip)
        case .exchange(let updates, let ring):
            self.write(enumeration: MessageTag.exchange)
            self.write(updates: updates)
            self.write(fixed64: ring)
        }
    }

    mutating func write(_ reply: MembershipReply) {
        switch reply {
        case .alive: self.write(enumeration: ReplyTag.alive)
        case .targetAlive: self.write(enumeration: ReplyTag.targetAlive)
        case .targetSilent: self.write(enumeration: ReplyTag.targetSilent)
        case .exchange: self.write(enumeration: ReplyTag.exchange)
        }
        self.write(updates: reply.updates)
    }

    private mutating func write(updates: [MemberUpdate]) {
        self.write(list: updates.prefix(MembershipMessage.updatesMax)) { $0.write($1) }
    }

    private mutating func write(_ update: MemberUpdate) {
        self.write(nested: { writer in
            writer.write(node: update.member.id)
            writer.write(text: update.member.address, maxBytes: MemberDescription.addressBytesMax)
            writer.write(text: update.member.site, maxBytes: MemberDescription.placeBytesMax)
            writer.write(text: update.member.rack, maxBytes: MemberDescription.placeBytesMax)
            writer.write(enumeration: update.state)
            writer.write(varint: update.incarnation)
            if let accuser = update.accuser {
                writer.write(tag: UpdateField.accuser) { $0.write(node: accuser) }
            }
        })
    }
}

extension WireReader {
    mutating func membershipMessage() throws(CodecError) -> MembershipMessage {
        switch try self.enumeration(MessageTag.self) {
        case .probe: .probe(gossip: try self.updates())
        case .probeRequest: .probeRequest(target: try self.node(), gossip: try self.updates())
        case .exchange: .exchange(updates: try self.updates(), ring: try self.fixed64())
        }
    }

    mutating func membershipReply() throws(CodecError) -> MembershipReply {
        switch try self.enumeration(ReplyTag.self) {
        case .alive: .alive(gossip: try self.updates())
        case .targetAlive: .targetAlive(gossip: try self.updates())
        case .targetSilent: .targetSilent(gossip: try self.updates())
        case .exchange: .exchange(updates: try self.updates())
        }
    }

    private mutating func updates() throws(CodecError) -> [MemberUpdate] {
        try self.list(max: MembershipMessage.updatesMax) { (reader) throws(CodecError) in try reader.update() }
    }

    private mutating func update() throws(CodecError) -> MemberUpdate {
        try self.nested { (reader) throws(CodecError) in
            let member = MemberDescription(
                id: try reader.node(), address: try reader.string(maxBytes: MemberDescription.addressBytesMax),
                site: try reader.string(maxBytes: MemberDescription.placeBytesMax),
                rack: try reader.string(maxBytes: MemberDescription.placeBytesMax))
            var update = MemberUpdate(member: member, state: try reader.enumeration(), incarnation: try reader.varint())
            try reader.taggedFields { (tag, field) throws(CodecError) in
                switch tag {
                case UpdateField.accuser: update.accuser = try field.node()
                default: field.skip()
                }
            }
            return update
        }
    }
}
