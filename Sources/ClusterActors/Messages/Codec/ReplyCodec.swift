import Basis
import Hypervisor
package import NIOCore
import Transport

private enum ReplyTag: UInt8 {
    case reserve = 1
    case renew = 2
    case released = 3
    case migrate = 4
    case noted = 5
    case incoming = 6
    case handover = 7
    case wait = 8
    case membership = 9
    case stopping = 10
}

private enum ReserveTag: UInt8 {
    case granted = 1
    case held = 2
    case busy = 3
    case refused = 4
}

private enum RenewTag: UInt8 {
    case renewed = 1
    case stale = 2
}

private enum MigrateTag: UInt8 {
    case accepted = 1
    case running = 2
    case done = 3
    case busy = 4
    case refused = 5
    case stale = 6
}

private enum IncomingTag: UInt8 {
    case ready = 1
    case done = 2
    case busy = 3
    case refused = 4
    case stale = 5
}

private enum WaitTag: UInt8 {
    case ended = 1
    case wait = 2
    case yield = 3
}

extension MessageCodec {
    /// Whose business an encoded reply is, as ``kind(ofRequest:)`` says it of a request; nil also for `stopping`, which
    /// answers any.
    package static func kind(ofReply body: ByteBuffer) -> MessageKind? {
        switch body.getInteger(at: body.readerIndex).flatMap(ReplyTag.init) {
        case .membership: .membership
        case .reserve, .renew, .released, .migrate, .noted, .incoming, .handover, .wait: .isp
        case .stopping, nil: nil
        }
    }
}

extension WireWriter {
    mutating func write(_ reply: Reply) {
        switch reply {
        case .reserve(let reply):
            self.write(enumeration: ReplyTag.reserve)
            self.write(reply)
        case .renew(let reply):
            self.write(enumeration: ReplyTag.renew)
            self.write(reply)
        case .released:
            self.write(enumeration: ReplyTag.released)
        case .migrate(let reply):
            self.write(enumeration: ReplyTag.migrate)
            self.write(reply)
        case .noted:
            self.write(enumeration: ReplyTag.noted)
        case .incoming(let reply):
            self.write(enumeration: ReplyTag.incoming)
            self.write(reply)
        case .handover(let phase):
            self.write(enumeration: ReplyTag.handover)
            self.write(enumeration: phase)
        case .wait(let reply):
            self.write(enumeration: ReplyTag.wait)
            self.write(reply)
        case .membership(let reply):
            self.write(enumeration: ReplyTag.membership)
            self.write(reply)
        case .stopping:
            self.write(enumeration: ReplyTag.stopping)
        }
    }

    private mutating func write(_ reply: ReserveReply) {
        switch reply {
        case .granted(let grant):
            self.write(enumeration: ReserveTag.granted)
            self.write(grant.epoch)
            self.write(span: grant.lease)
            self.write(varint: grant.revision.rawValue)
            self.write(grant.snapshot)
            self.write(optional: grant.successor) { $0.write(node: $1) }
        case .held(let isp, let firstOut):
            self.write(enumeration: ReserveTag.held)
            self.write(isp)
            self.write(optional: firstOut) { $0.write(node: $1) }
        case .busy:
            self.write(enumeration: ReserveTag.busy)
        case .refused(let refusal):
            self.write(enumeration: ReserveTag.refused)
            self.write(enumeration: refusal)
        }
    }

    private mutating func write(_ reply: RenewReply) {
        switch reply {
        case .renewed(let revision, let flights, let snapshot):
            self.write(enumeration: RenewTag.renewed)
            self.write(varint: revision.rawValue)
            self.write(varint: UInt64(flights))
            self.write(optional: snapshot) { $0.write($1) }
        case .stale:
            self.write(enumeration: RenewTag.stale)
        }
    }

    private mutating func write(_ reply: MigrateReply) {
        switch reply {
        case .accepted:
            self.write(enumeration: MigrateTag.accepted)
        case .running(let progress):
            self.write(enumeration: MigrateTag.running)
            self.write(optional: progress) { $0.write($1) }
        case .done(let result):
            self.write(enumeration: MigrateTag.done)
            self.write(result)
        case .busy:
            self.write(enumeration: MigrateTag.busy)
        case .refused(let reason):
            self.write(enumeration: MigrateTag.refused)
            self.write(reason: reason)
        case .stale:
            self.write(enumeration: MigrateTag.stale)
        }
    }

    private mutating func write(_ reply: IncomingReply) {
        switch reply {
        case .ready(let ticket, let endpoint):
            self.write(enumeration: IncomingTag.ready)
            self.write(varint: ticket)
            self.write(endpoint)
        case .done(let result):
            self.write(enumeration: IncomingTag.done)
            self.write(result)
        case .busy:
            self.write(enumeration: IncomingTag.busy)
        case .refused(let reason):
            self.write(enumeration: IncomingTag.refused)
            self.write(reason: reason)
        case .stale:
            self.write(enumeration: IncomingTag.stale)
        }
    }

    private mutating func write(_ reply: WaitReply) {
        switch reply {
        case .ended: self.write(enumeration: WaitTag.ended)
        case .wait: self.write(enumeration: WaitTag.wait)
        case .yield: self.write(enumeration: WaitTag.yield)
        }
    }
}

extension WireReader {
    mutating func reply() throws(CodecError) -> Reply {
        switch try self.enumeration(ReplyTag.self) {
        case .reserve: .reserve(try self.reserveReply())
        case .renew: .renew(try self.renewReply())
        case .released: .released
        case .migrate: .migrate(try self.migrateReply())
        case .noted: .noted
        case .incoming: .incoming(try self.incomingReply())
        case .handover: .handover(try self.enumeration())
        case .wait: .wait(try self.waitReply())
        case .membership: .membership(try self.membershipReply())
        case .stopping: .stopping
        }
    }

    private mutating func reserveReply() throws(CodecError) -> ReserveReply {
        switch try self.enumeration(ReserveTag.self) {
        case .granted:
            .granted(
                Grant(
                    epoch: try self.epoch(), lease: try self.span(), revision: Revision(rawValue: try self.varint()),
                    snapshot: try self.snapshot(), successor: try self.optionalNode()))
        case .held: .held(by: try self.ispID(), firstOut: try self.optionalNode())
        case .busy: .busy
        case .refused: .refused(try self.enumeration())
        }
    }

    private mutating func renewReply() throws(CodecError) -> RenewReply {
        switch try self.enumeration(RenewTag.self) {
        case .renewed:
            .renewed(
                revision: Revision(rawValue: try self.varint()), flights: try self.integer(),
                snapshot: try self.optional { (reader) throws(CodecError) in try reader.snapshot() })
        case .stale: .stale
        }
    }

    private mutating func migrateReply() throws(CodecError) -> MigrateReply {
        switch try self.enumeration(MigrateTag.self) {
        case .accepted: .accepted
        case .running: .running(try self.optional { (reader) throws(CodecError) in try reader.progress() })
        case .done: .done(try self.actionResult())
        case .busy: .busy
        case .refused: .refused(reason: try self.reason())
        case .stale: .stale
        }
    }

    private mutating func incomingReply() throws(CodecError) -> IncomingReply {
        switch try self.enumeration(IncomingTag.self) {
        case .ready: .ready(ticket: try self.varint(), endpoint: try self.endpoint())
        case .done: .done(try self.actionResult())
        case .busy: .busy
        case .refused: .refused(reason: try self.reason())
        case .stale: .stale
        }
    }

    private mutating func waitReply() throws(CodecError) -> WaitReply {
        switch try self.enumeration(WaitTag.self) {
        case .ended: .ended
        case .wait: .wait
        case .yield: .yield
        }
    }
}
