import Basis
import NIOCore
import Placement

/// The types of the port, as bytes.
extension ByteBuffer {
    mutating func write(_ ticket: MigrationTicket) {
        self.write(ticket.vm.name)
        self.write(ticket.source.name)
        self.writeInteger(ticket.number)
    }

    mutating func readTicket() throws(ModelledWireError) -> MigrationTicket {
        MigrationTicket(vm: try self.readVM(), source: try self.readNode(), number: try self.readUInt64())
    }

    mutating func write(_ mark: HandoverMark) {
        self.write(mark.isp)
        self.writeInteger(mark.action)
        self.write(mark.source.name)
        self.write(mark.sourceEndpoint)
        self.write(mark.destination.name)
    }

    mutating func readMark() throws(ModelledWireError) -> HandoverMark {
        HandoverMark(
            isp: try self.readText(), action: try self.readUInt64(), source: try self.readNode(),
            sourceEndpoint: try self.readEndpoint(), destination: try self.readNode())
    }

    mutating func write(_ order: MigrationOrder) {
        self.write(order.ticket)
        self.write(order.destination.name)
        self.write(order.endpoint)
        self.write(order.mark)
        self.write(order.limits.bandwidthMiBPerSecond)
        self.write(order.limits.timeLimit)
        self.write(order.limits.autoConverge)
        self.write(order.limits.tls)
    }

    mutating func readOrder() throws(ModelledWireError) -> MigrationOrder {
        MigrationOrder(
            ticket: try self.readTicket(), destination: try self.readNode(), endpoint: try self.readEndpoint(),
            mark: try self.readMark(),
            limits: MigrationLimits(
                bandwidthMiBPerSecond: try self.readInt("bandwidth"), timeLimit: try self.readDuration(),
                autoConverge: try self.readFlag(), tls: try self.readFlag()))
    }

    mutating func write(_ progress: MigrationProgress) {
        self.write(progress.elapsed)
        self.write(progress.sentMiB)
        self.write(progress.remainingMiB)
        self.write(progress.round)
    }

    mutating func readProgress() throws(ModelledWireError) -> MigrationProgress {
        MigrationProgress(
            elapsed: try self.readDuration(), sentMiB: try self.readInt("sent"),
            remainingMiB: try self.readInt("remaining"), round: try self.readInt("round"))
    }

    mutating func write(_ presence: DomainPresence) { self.writeInteger(presence.rawValue) }

    mutating func readPresence() throws(ModelledWireError) -> DomainPresence {
        let tag = try self.readByte()
        guard let presence = DomainPresence(rawValue: tag) else { throw .unknownTag(of: "presence", tag) }
        return presence
    }

    mutating func write(_ migratability: Migratability) {
        switch migratability {
        case .migratable: self.write(false)
        case .rooted(let reason):
            self.write(true)
            self.write(reason)
        }
    }

    mutating func readMigratability() throws(ModelledWireError) -> Migratability {
        try self.readFlag() ? .rooted(reason: try self.readText()) : .migratable
    }

    mutating func write(_ host: HostDescription) {
        self.write(host.capacity)
        self.write(host.hypervisor)
        self.write(host.endpoint)
        self.write(host.cpuModel)
    }

    mutating func readHost() throws(ModelledWireError) -> HostDescription {
        HostDescription(
            capacity: try self.readResources(), hypervisor: try self.readText(), endpoint: try self.readEndpoint(),
            cpuModel: try self.readText())
    }

    mutating func write(_ domain: DomainSample) {
        self.write(domain.vm.name)
        self.write(domain.presence)
        self.write(domain.demand) { $0.write($1) }
        self.write(domain.dirtyMiBPerSecond)
        self.write(domain.migratability)
        self.write(domain.mark) { $0.write($1) }
        self.writeInteger(domain.job?.rawValue ?? 0)
        self.write(domain.cpuRequirement)
    }

    mutating func readDomainSample() throws(ModelledWireError) -> DomainSample {
        DomainSample(
            vm: try self.readVM(), presence: try self.readPresence(),
            demand: try self.readOptional { (buffer) throws(ModelledWireError) in try buffer.readResources() },
            dirtyMiBPerSecond: try self.readInt("dirty rate"), migratability: try self.readMigratability(),
            mark: try self.readOptional { (buffer) throws(ModelledWireError) in try buffer.readMark() },
            job: try self.readJob(), cpuRequirement: try self.readText())
    }

    private mutating func readJob() throws(ModelledWireError) -> MigrationJob? {
        let tag = try self.readByte()
        guard tag != 0 else { return nil }
        guard let job = MigrationJob(rawValue: tag) else { throw .unknownTag(of: "job", tag) }
        return job
    }

    mutating func write(_ error: HypervisorError) {
        switch error {
        case .unreachable(let text): self.write(tag: 1, text)
        case .noSuchVM(let vm): self.write(tag: 2, vm.name)
        case .refused(let text): self.write(tag: 3, text)
        case .failed(let text): self.write(tag: 4, text)
        case .aborted(let text): self.write(tag: 5, text)
        }
    }

    mutating func readHypervisorError() throws(ModelledWireError) -> HypervisorError {
        switch try self.readByte() {
        case 1: .unreachable(try self.readText())
        case 2: .noSuchVM(try self.readVM())
        case 3: .refused(try self.readText())
        case 4: .failed(try self.readText())
        case 5: .aborted(try self.readText())
        case let tag: throw .unknownTag(of: "error", tag)
        }
    }

    mutating func write(_ event: HypervisorEvent) {
        switch event {
        case .changed(let vm): self.write(tag: 1, vm.name)
        case .disconnected: self.writeInteger(2, as: UInt8.self)
        case .connected: self.writeInteger(3, as: UInt8.self)
        }
    }

    mutating func readEvent() throws(ModelledWireError) -> HypervisorEvent {
        switch try self.readByte() {
        case 1: .changed(try self.readVM())
        case 2: .disconnected
        case 3: .connected
        case let tag: throw .unknownTag(of: "event", tag)
        }
    }

    mutating func write(tag: UInt8, _ text: String) {
        self.writeInteger(tag)
        self.write(text)
    }
}
