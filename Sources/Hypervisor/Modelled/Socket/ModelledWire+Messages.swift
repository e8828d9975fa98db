import Basis
import NIOCore
import Placement

/// Requests, replies and stream messages, as bytes. Each `init(bytes:)` refuses what is left over.
extension ModelledRequest {
    var bytes: ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .describeHost: buffer.writeTag(1)
        case .sample: buffer.writeTag(2)
        case .presence(let vm): buffer.write(tag: 3, vm.name)
        case .openIncoming(let ticket):
            buffer.writeTag(4)
            buffer.write(ticket)
        case .closeIncoming(let ticket):
            buffer.writeTag(5)
            buffer.write(ticket)
        case .migrate(let order):
            buffer.writeTag(6)
            buffer.write(order)
        case .abortMigration(let vm): buffer.write(tag: 7, vm.name)
        case .resume(let vm): buffer.write(tag: 8, vm.name)
        case .discardPausedCopy(let vm): buffer.write(tag: 9, vm.name)
        case .setMark(let mark, let vm):
            buffer.write(tag: 10, vm.name)
            buffer.write(mark) { $0.write($1) }
        case .listDomains: buffer.writeTag(11)
        case .setDemand(let vm, let cpu, let dirty):
            buffer.write(tag: 12, vm.name)
            buffer.write(cpu)
            buffer.write(dirty) { $0.write($1) }
        case .boot(let guest):
            buffer.writeTag(13)
            buffer.write(guest)
        case .setPaused(let vm, let isPaused):
            buffer.write(tag: 14, vm.name)
            buffer.write(isPaused)
        case .setFaults(let faults):
            buffer.writeTag(15)
            buffer.write(faults)
        case .setRates(let vm, let rates):
            buffer.write(tag: 16, vm.name)
            for rate in [rates.diskKiBPerSecond, rates.networkKiBPerSecond, rates.dirtyMiBPerSecond] {
                buffer.write(rate) { $0.write($1) }
            }
        }
        return buffer
    }

    init(bytes: ByteBuffer) throws(ModelledWireError) {
        var buffer = bytes
        switch try buffer.readByte() {
        case 1: self = .describeHost
        case 2: self = .sample
        case 3: self = .presence(try buffer.readVM())
        case 4: self = .openIncoming(try buffer.readTicket())
        case 5: self = .closeIncoming(try buffer.readTicket())
        case 6: self = .migrate(try buffer.readOrder())
        case 7: self = .abortMigration(try buffer.readVM())
        case 8: self = .resume(try buffer.readVM())
        case 9: self = .discardPausedCopy(try buffer.readVM())
        case 10:
            let vm = try buffer.readVM()
            let mark = try buffer.readOptional { (buffer) throws(ModelledWireError) in try buffer.readMark() }
            self = .setMark(mark, vm)
        case 11: self = .listDomains
        case 12:
            self = .setDemand(
                try buffer.readVM(), cpuMillicores: try buffer.readInt("CPU"),
                dirtyMiBPerSecond: try buffer.readRate("dirty rate"))
        case 13: self = .boot(try buffer.readGuest())
        case 14: self = .setPaused(try buffer.readVM(), try buffer.readFlag())
        case 15: self = .setFaults(try buffer.readFaults())
        case 16:
            self = .setRates(
                try buffer.readVM(),
                ModelledRates(
                    diskKiBPerSecond: try buffer.readRate("disk rate"),
                    networkKiBPerSecond: try buffer.readRate("network rate"),
                    dirtyMiBPerSecond: try buffer.readRate("dirty rate")))
        case let tag: throw .unknownTag(of: "request", tag)
        }
        try buffer.readEnd()
    }
}

extension ModelledReply {
    var bytes: ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .done: buffer.writeTag(1)
        case .host(let host):
            buffer.writeTag(2)
            buffer.write(host)
        case .sample(let domains):
            buffer.writeTag(3)
            buffer.writeList(domains) { $0.write($1) }
        case .presence(let presence):
            buffer.writeTag(4)
            buffer.write(presence)
        case .domains(let domains):
            buffer.writeTag(5)
            buffer.writeList(domains) { $0.write($1) }
        case .failure(let error):
            buffer.writeTag(6)
            buffer.write(error)
        }
        return buffer
    }

    init(bytes: ByteBuffer) throws(ModelledWireError) {
        let max = ModelledHostSettings.domainsMax
        var buffer = bytes
        switch try buffer.readByte() {
        case 1: self = .done
        case 2: self = .host(try buffer.readHost())
        case 3:
            let domains = try buffer.readList(max: max, "domains") { (buffer) throws(ModelledWireError) in
                try buffer.readDomainSample()
            }
            self = .sample(domains)
        case 4: self = .presence(try buffer.readPresence())
        case 5:
            let domains = try buffer.readList(max: max, "domains") { (buffer) throws(ModelledWireError) in
                try buffer.readListing()
            }
            self = .domains(domains)
        case 6: self = .failure(try buffer.readHypervisorError())
        case let tag: throw .unknownTag(of: "reply", tag)
        }
        try buffer.readEnd()
    }
}

extension ModelledStreamMessage {
    var bytes: ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .begin(let ticket, let destination, let guest):
            buffer.writeTag(1)
            buffer.write(ticket)
            buffer.write(destination.name)
            buffer.write(guest)
        case .memory(let round, let bytes): buffer.write(tag: 2, round, bytes)
        case .roundEnded(let round, let bytes): buffer.write(tag: 3, round, bytes)
        case .final(let guest):
            buffer.writeTag(4)
            buffer.write(guest)
        case .accepted(let share): buffer.write(tag: 5, share)
        case .refused(let reason): buffer.write(tag: 6, reason)
        case .share(let share): buffer.write(tag: 7, share)
        case .roundTaken(let round): buffer.write(tag: 8, round)
        case .arrived: buffer.writeTag(9)
        case .aborted(let reason): buffer.write(tag: 10, reason)
        }
        return buffer
    }

    init(bytes: ByteBuffer) throws(ModelledWireError) {
        var buffer = bytes
        switch try buffer.readByte() {
        case 1:
            self = .begin(
                try buffer.readTicket(), destination: try buffer.readNode(), try buffer.readGuest())
        case 2: self = .memory(round: try buffer.readInt("round"), bytes: try buffer.readInt("bytes"))
        case 3: self = .roundEnded(round: try buffer.readInt("round"), bytes: try buffer.readInt("bytes"))
        case 4: self = .final(try buffer.readGuest())
        case 5: self = .accepted(bytesPerSecond: try buffer.readInt("share"))
        case 6: self = .refused(reason: try buffer.readText())
        case 7: self = .share(bytesPerSecond: try buffer.readInt("share"))
        case 8: self = .roundTaken(round: try buffer.readInt("round"))
        case 9: self = .arrived
        case 10: self = .aborted(reason: try buffer.readText())
        case let tag: throw .unknownTag(of: "stream message", tag)
        }
        try buffer.readEnd()
    }
}

extension ByteBuffer {
    fileprivate mutating func writeTag(_ tag: UInt8) { self.writeInteger(tag) }

    fileprivate mutating func write(tag: UInt8, _ numbers: Int...) {
        self.writeTag(tag)
        for number in numbers { self.write(number) }
    }

    fileprivate mutating func write(_ guest: ModelledGuest) {
        self.write(guest.vm.name)
        self.write(guest.demand)
        self.write(guest.dirtyMiBPerSecond)
        self.write(guest.workingSetPercent)
        self.write(guest.migratability)
        self.write(guest.cpuRequirement)
        self.write(guest.mark) { $0.write($1) }
    }

    fileprivate mutating func readGuest() throws(ModelledWireError) -> ModelledGuest {
        ModelledGuest(
            vm: try self.readVM(), demand: try self.readResources(),
            dirtyMiBPerSecond: try self.readInt("dirty rate"),
            workingSetPercent: try self.readInt("working set", in: 0...100),
            migratability: try self.readMigratability(), cpuRequirement: try self.readText(),
            mark: try self.readOptional { (buffer) throws(ModelledWireError) in try buffer.readMark() })
    }

    fileprivate mutating func write(_ domain: ModelledDomainListing) {
        self.write(domain.vm.name)
        self.write(domain.presence)
        self.write(domain.demand)
        self.write(domain.usedCPUMillicores)
        self.write(domain.dirtyMiBPerSecond)
    }

    fileprivate mutating func readListing() throws(ModelledWireError) -> ModelledDomainListing {
        ModelledDomainListing(
            vm: try self.readVM(), presence: try self.readPresence(), demand: try self.readResources(),
            usedCPUMillicores: try self.readInt("CPU"), dirtyMiBPerSecond: try self.readInt("dirty rate"))
    }

    fileprivate mutating func write(_ faults: ModelledFaults) {
        self.write(faults.isSilent)
        self.write(faults.copiesStall)
        self.writeInteger(faults.failNextMigration?.rawValue ?? 0)
        self.write(faults.answerDelay)
        self.write(faults.linkPercent)
    }

    fileprivate mutating func readFaults() throws(ModelledWireError) -> ModelledFaults {
        var faults = ModelledFaults(isSilent: try self.readFlag(), copiesStall: try self.readFlag())
        let tag = try self.readByte()
        if tag != 0 {
            guard let stage = ModelledFaults.Stage(rawValue: tag) else { throw .unknownTag(of: "stage", tag) }
            faults.failNextMigration = stage
        }
        faults.answerDelay = try self.readDuration()
        faults.linkPercent = try self.readInt("link")
        return faults
    }
}
