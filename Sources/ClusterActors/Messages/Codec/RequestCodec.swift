import Basis
import Hypervisor
package import NIOCore
import Placement
import Transport

private enum RequestTag: UInt8 {
    case reserve = 1
    case renew = 2
    case release = 3
    case migrate = 4
    case actionDone = 5
    case incoming = 6
    case handover = 7
    case wait = 8
    case ended = 9
    case membership = 10
}

/// The tagged fields of `incoming`.
private enum IncomingTag {
    static let pastMoves: UInt64 = 1
}

extension MessageCodec {
    /// Whose business an encoded request is, by its first byte alone: for whoever counts messages by the million. Says
    /// nothing about whether the rest can be decoded; nil when it begins like no request.
    package static func kind(ofRequest body: ByteBuffer) -> MessageKind? {
        body.getInteger(at: body.readerIndex).flatMap(RequestTag.init).map { $0 == .membership ? .membership : .isp }
    }
}

extension WireWriter {
    mutating func write(_ request: Request) {
        switch request {
        case .reserve(let isp, let key, let hops):
            self.write(enumeration: RequestTag.reserve)
            self.write(isp)
            self.write(key)
            self.write(varint: UInt64(hops))
        case .renew(let token, let firstOut, let wantSnapshot):
            self.write(enumeration: RequestTag.renew)
            self.write(token)
            self.write(optional: firstOut) { $0.write(node: $1) }
            self.write(bool: wantSnapshot)
        case .release(let token):
            self.write(enumeration: RequestTag.release)
            self.write(token)
        case .migrate(let order):
            self.write(enumeration: RequestTag.migrate)
            self.write(order)
        case .actionDone(let action, let result):
            self.write(enumeration: RequestTag.actionDone)
            self.write(action)
            self.write(result)
        case .incoming(let order):
            self.write(enumeration: RequestTag.incoming)
            self.write(order)
        case .handover(let action, let vm, let phase):
            self.write(enumeration: RequestTag.handover)
            self.write(action)
            self.write(vm)
            self.write(enumeration: phase)
        case .wait(let isp, let key, let other, let holding):
            self.write(enumeration: RequestTag.wait)
            self.write(isp)
            self.write(key)
            self.write(other)
            self.write(bool: holding)
        case .ended(let isp):
            self.write(enumeration: RequestTag.ended)
            self.write(isp)
        case .membership(let message):
            self.write(enumeration: RequestTag.membership)
            self.write(message)
        }
    }

    private mutating func write(_ order: MigrateOrder) {
        self.write(order.token)
        self.write(order.action)
        self.write(order.vm)
        self.write(node: order.destination)
        self.write(order.destinationEpoch)
    }

    private mutating func write(_ order: IncomingOrder) {
        self.write(order.token)
        self.write(order.action)
        self.write(order.vm)
        self.write(node: order.source)
        self.write(order.sourceEndpoint)
        self.write(order.needs)
        self.write(text: order.cpuRequirement, maxBytes: WireLimits.cpuRequirementBytesMax)
        self.write(span: order.flightTimeout)
        guard !order.pastMoves.isEmpty else { return }
        self.write(tag: IncomingTag.pastMoves) { writer in
            writer.write(list: order.pastMoves.suffix(MoveHistory.pastMovesMax)) { writer, move in
                writer.write(node: move.from)
                writer.write(span: move.age)
            }
        }
    }
}

extension WireReader {
    mutating func request() throws(CodecError) -> Request {
        switch try self.enumeration(RequestTag.self) {
        case .reserve: .reserve(isp: try self.ispID(), key: try self.ispKey(), hops: try self.integer())
        case .renew:
            .renew(try self.token(), firstOut: try self.optionalNode(), wantSnapshot: try self.bool())
        case .release: .release(try self.token())
        case .migrate: .migrate(try self.migrateOrder())
        case .actionDone: .actionDone(try self.actionID(), try self.actionResult())
        case .incoming: .incoming(try self.incomingOrder())
        case .handover: .handover(try self.actionID(), vm: try self.vm(), try self.enumeration())
        case .wait:
            .wait(isp: try self.ispID(), key: try self.ispKey(), on: try self.ispID(), holding: try self.bool())
        case .ended: .ended(try self.ispID())
        case .membership: .membership(try self.membershipMessage())
        }
    }

    private mutating func migrateOrder() throws(CodecError) -> MigrateOrder {
        MigrateOrder(
            token: try self.token(), action: try self.actionID(), vm: try self.vm(), destination: try self.node(),
            destinationEpoch: try self.epoch())
    }

    private mutating func incomingOrder() throws(CodecError) -> IncomingOrder {
        var order = IncomingOrder(
            token: try self.token(), action: try self.actionID(), vm: try self.vm(), source: try self.node(),
            sourceEndpoint: try self.endpoint(), needs: try self.resources(),
            cpuRequirement: try self.string(maxBytes: WireLimits.cpuRequirementBytesMax),
            flightTimeout: try self.span())
        try self.taggedFields { (tag, field) throws(CodecError) in
            guard tag == IncomingTag.pastMoves else { return field.skip() }
            order.pastMoves = try field.list(max: MoveHistory.pastMovesMax) { (reader) throws(CodecError) in
                PastMove(from: try reader.node(), age: try reader.span())
            }
        }
        return order
    }
}
