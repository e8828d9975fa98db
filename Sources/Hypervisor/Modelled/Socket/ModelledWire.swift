import Basis
import NIOCore
import Placement

/// The parts that the messages of a modelled host are made of, as bytes.
///
/// Numbers are 8 bytes, texts are led by their length in 2, an enum by a tag in 1. Reading checks every range and
/// never traps.
extension ByteBuffer {
    /// The longest text, in bytes; longer ones (reasons for people) are cut when they are written.
    static let textBytesMax = 4_096

    mutating func write(_ number: Int) { self.writeInteger(Int64(number)) }

    mutating func write(_ flag: Bool) { self.writeInteger(flag ? 1 : 0, as: UInt8.self) }

    mutating func write(_ text: String) {
        let bytes = text.utf8.prefix(Self.textBytesMax)
        self.writeInteger(UInt16(bytes.count))
        self.writeBytes(bytes)
    }

    mutating func write(_ duration: Duration) { self.writeInteger(duration.inNanoseconds) }

    mutating func write<Wrapped>(_ value: Wrapped?, _ writeValue: (inout ByteBuffer, Wrapped) -> Void) {
        self.write(value != nil)
        if let value { writeValue(&self, value) }
    }

    mutating func writeList<Element>(_ list: [Element], _ writeElement: (inout ByteBuffer, Element) -> Void) {
        self.writeInteger(UInt32(list.count))
        for element in list { writeElement(&self, element) }
    }

    mutating func readByte() throws(ModelledWireError) -> UInt8 {
        guard let byte = self.readInteger(as: UInt8.self) else { throw .truncated }
        return byte
    }

    mutating func readUInt64() throws(ModelledWireError) -> UInt64 {
        guard let number = self.readInteger(as: UInt64.self) else { throw .truncated }
        return number
    }

    mutating func readInt(
        _ what: String, in range: ClosedRange<Int> = 0...Resources.amountMax
    ) throws(ModelledWireError) -> Int {
        guard let number = self.readInteger(as: Int64.self) else { throw .truncated }
        guard let value = Int(exactly: number), range.contains(value) else { throw .outOfRange(what) }
        return value
    }

    /// An amount that may be missing.
    mutating func readRate(_ what: String) throws(ModelledWireError) -> Int? {
        try self.readOptional { (buffer) throws(ModelledWireError) in try buffer.readInt(what) }
    }

    mutating func readFlag() throws(ModelledWireError) -> Bool {
        switch try self.readByte() {
        case 0: false
        case 1: true
        case let tag: throw .unknownTag(of: "flag", tag)
        }
    }

    mutating func readText() throws(ModelledWireError) -> String {
        guard let count = self.readInteger(as: UInt16.self) else { throw .truncated }
        guard count <= Self.textBytesMax else { throw .outOfRange("text") }
        // A text that was cut in the middle of a character is repaired, not refused.
        guard let bytes = self.readBytes(length: Int(count)) else { throw .truncated }
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func readDuration() throws(ModelledWireError) -> Duration {
        guard let nanoseconds = self.readInteger(as: Int64.self) else { throw .truncated }
        guard nanoseconds >= 0 else { throw .outOfRange("duration") }
        return .nanoseconds(nanoseconds)
    }

    mutating func readOptional<Wrapped>(
        _ readValue: (inout ByteBuffer) throws(ModelledWireError) -> Wrapped
    ) throws(ModelledWireError) -> Wrapped? {
        try self.readFlag() ? try readValue(&self) : nil
    }

    mutating func readList<Element>(
        max: Int, _ what: String, _ readElement: (inout ByteBuffer) throws(ModelledWireError) -> Element
    ) throws(ModelledWireError) -> [Element] {
        guard let count = self.readInteger(as: UInt32.self) else { throw .truncated }
        guard count <= max else { throw .outOfRange(what) }
        // Grows with what is really there, not with what the count promises.
        var list: [Element] = []
        for _ in 0..<count { list.append(try readElement(&self)) }
        return list
    }

    mutating func readEnd() throws(ModelledWireError) {
        guard self.readableBytes == 0 else { throw .leftOver(bytes: self.readableBytes) }
    }

    mutating func readVM() throws(ModelledWireError) -> VMID {
        guard let vm = VMID(try self.readText()) else { throw .outOfRange("VM name") }
        return vm
    }

    mutating func readNode() throws(ModelledWireError) -> NodeID {
        guard let node = NodeID(try self.readText()) else { throw .outOfRange("node name") }
        return node
    }

    mutating func write(_ resources: Resources) {
        self.write(resources.cpuMillicores)
        self.write(resources.memoryMiB)
        self.write(resources.diskKiBPerSecond)
        self.write(resources.networkKiBPerSecond)
    }

    mutating func readResources() throws(ModelledWireError) -> Resources {
        Resources(
            cpuMillicores: try self.readInt("CPU"), memoryMiB: try self.readInt("memory"),
            diskKiBPerSecond: try self.readInt("disk rate"), networkKiBPerSecond: try self.readInt("network rate"))
    }

    mutating func write(_ endpoint: MigrationEndpoint) { self.write(endpoint.uri) }

    mutating func readEndpoint() throws(ModelledWireError) -> MigrationEndpoint {
        let uri = try self.readText()
        guard uri.utf8.count <= MigrationEndpoint.lengthMax else { throw .outOfRange("endpoint") }
        return MigrationEndpoint(uri: uri)
    }
}
