import Basis
import Hypervisor
import Placement
import Transport

// The parts that several messages share: who, under which grant, which migration, how it ended.

private enum ActionResultTag: UInt8 {
    case moved = 1
    case failed = 2
    case inDoubt = 3
}

extension WireWriter {
    mutating func write(_ isp: ISPID) {
        self.write(node: isp.node)
        self.write(varint: isp.boot)
        self.write(varint: isp.sequence)
    }

    mutating func write(_ key: ISPKey) {
        self.write(enumeration: key.triggerClass)
        self.write(varint: key.birth)
        self.write(key.isp)
    }

    mutating func write(_ epoch: Epoch) {
        self.write(varint: epoch.boot)
        self.write(varint: epoch.counter)
    }

    mutating func write(_ token: Token) {
        self.write(token.isp)
        self.write(token.epoch)
    }

    mutating func write(_ action: ActionID) {
        self.write(action.isp)
        self.write(varint: action.number)
    }

    mutating func write(_ result: ActionResult) {
        switch result {
        case .moved:
            self.write(enumeration: ActionResultTag.moved)
        case .failed(let reason):
            self.write(enumeration: ActionResultTag.failed)
            self.write(reason: reason)
        case .inDoubt(let reason):
            self.write(enumeration: ActionResultTag.inDoubt)
            self.write(reason: reason)
        }
    }

    mutating func write(_ vm: VMID) {
        self.write(string: vm.name)
    }

    mutating func write(_ endpoint: MigrationEndpoint) {
        self.write(text: endpoint.uri, maxBytes: MigrationEndpoint.lengthMax)
    }

    mutating func write(reason: String) {
        self.write(text: reason, maxBytes: WireLimits.reasonBytesMax)
    }

    /// A text, cut to at most `limit` bytes between two characters' encodings.
    mutating func write(text: String, maxBytes limit: Int) {
        guard text.utf8.count > limit else { return self.write(string: text) }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
        while UTF8.isContinuation(text.utf8[end]) {
            end = text.utf8.index(before: end)
        }
        self.write(string: String(text[..<end]))
    }

    /// A duration that is not negative: a negative one is written as zero.
    mutating func write(span: Duration) {
        self.write(duration: max(.zero, span))
    }

    /// A number from 0 to ``Resources/amountMax``, to which it is cut.
    mutating func write(amount: Int) {
        self.write(varint: UInt64(min(max(0, amount), Resources.amountMax)))
    }
}

extension WireReader {
    mutating func ispID() throws(CodecError) -> ISPID {
        ISPID(node: try self.node(), boot: try self.varint(), sequence: try self.varint())
    }

    mutating func ispKey() throws(CodecError) -> ISPKey {
        ISPKey(triggerClass: try self.enumeration(), birth: try self.varint(), isp: try self.ispID())
    }

    mutating func epoch() throws(CodecError) -> Epoch {
        Epoch(boot: try self.varint(), counter: try self.varint())
    }

    mutating func token() throws(CodecError) -> Token {
        Token(isp: try self.ispID(), epoch: try self.epoch())
    }

    mutating func actionID() throws(CodecError) -> ActionID {
        ActionID(isp: try self.ispID(), number: try self.varint())
    }

    mutating func actionResult() throws(CodecError) -> ActionResult {
        switch try self.enumeration(ActionResultTag.self) {
        case .moved: .moved
        case .failed: .failed(reason: try self.reason())
        case .inDoubt: .inDoubt(reason: try self.reason())
        }
    }

    mutating func vm() throws(CodecError) -> VMID {
        guard let vm = VMID(try self.string(maxBytes: VMID.lengthMax)) else { throw .invalid(type: "VMID") }
        return vm
    }

    mutating func optionalNode() throws(CodecError) -> NodeID? {
        try self.optional { (reader) throws(CodecError) in try reader.node() }
    }

    mutating func endpoint() throws(CodecError) -> MigrationEndpoint {
        MigrationEndpoint(uri: try self.string(maxBytes: MigrationEndpoint.lengthMax))
    }

    mutating func reason() throws(CodecError) -> String {
        try self.string(maxBytes: WireLimits.reasonBytesMax)
    }

    mutating func span() throws(CodecError) -> Duration {
        let duration = try self.duration()
        guard duration >= .zero else { throw .invalid(type: "Duration") }
        return duration
    }

    mutating func amount() throws(CodecError) -> Int {
        // At most 2^40, so it fits an `Int`.
        Int(try self.varint(max: UInt64(Resources.amountMax)))
    }
}
