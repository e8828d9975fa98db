#if Libvirt
    import Basis
    import CLibvirt
    import Hypervisor
    import Placement
    import Synchronization

    /// One domain as it was read, before demand is computed.
    struct DomainReading: Sendable {
        var vm: VMID
        var presence: DomainPresence
        /// Nil unless it runs.
        var counters: DomainCounters?
        var dirtyMiBPerSecond: Int
        var migratability: Migratability
        var mark: HandoverMark?
        var job: MigrationJob?
        var cpuRequirement: String
    }

    /// Reads all domains of a host: one bulk call for the figures, and for each domain what libvirt has no bulk call for.
    ///
    /// A class because it remembers descriptions between readings: libvirt's XML is fetched each time and parsed only when
    /// it changed.
    final class StatisticsReader: Sendable {
        private struct Memory {
            var descriptions: [VMID: DomainDescription] = [:]
            var dirtyRateStartedAt: [VMID: MonotonicInstant] = [:]
        }

        private let settings: LibvirtSettings
        private let memory = Mutex(Memory())

        init(settings: LibvirtSettings) {
            self.settings = settings
        }

        private static let kinds =
            VIR_DOMAIN_STATS_STATE.rawValue | VIR_DOMAIN_STATS_CPU_TOTAL.rawValue | VIR_DOMAIN_STATS_VCPU.rawValue
            | VIR_DOMAIN_STATS_BALLOON.rawValue | VIR_DOMAIN_STATS_BLOCK.rawValue | VIR_DOMAIN_STATS_INTERFACE.rawValue
            | VIR_DOMAIN_STATS_DIRTYRATE.rawValue

        /// Blocks. In no particular order.
        ///
        /// - Throws: what keeps any domain from being read that has not ended, with its name.
        func read(
            _ connection: LibvirtConnection, capabilities: HostCapabilities, time: some TimeSource
        ) throws(LibvirtCallError) -> [DomainReading] {
            var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
            // NOWAIT: a domain that something else holds gives what it can instead of holding up all others.
            let flags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT.rawValue
            let count = try checked(virConnectGetAllDomainStats(connection.pointer, Self.kinds, &records, flags))
            defer { virDomainStatsRecordListFree(records) }
            let readAt = time.now
            let readings = try CompleteReading.ofDomains(Int(count), limit: self.settings.domainsMax) {
                (index) throws(LibvirtCallError) -> DomainReading? in
                try self.reading(
                    try checked(records?[index]).pointee, readAt: readAt, capabilities: capabilities)
            }
            self.forgetAllBut(readings.map(\.vm))
            return readings
        }

        private func forgetAllBut(_ vms: [VMID]) {
            let vms = Set(vms)
            self.memory.withLock { memory in
                memory.descriptions = memory.descriptions.filter { vms.contains($0.key) }
                memory.dirtyRateStartedAt = memory.dirtyRateStartedAt.filter { vms.contains($0.key) }
            }
        }

        private func reading(
            _ record: virDomainStatsRecord, readAt: MonotonicInstant, capabilities: HostCapabilities
        ) throws(LibvirtCallError) -> DomainReading? {
            let pointer = try checked(record.dom)
            let name = String(cString: try checked(virDomainGetName(pointer)))
            // No agent can speak of a domain whose name is none for a VM.
            guard let vm = VMID(name) else { return nil }
            try checked(virDomainRef(pointer))
            let domain = Domain(owning: pointer)
            do throws(LibvirtCallError) {
                return try self.reading(
                    of: domain, vm: vm, TypedValues(record.params, count: record.nparams), readAt: readAt,
                    capabilities: capabilities)
            } catch {
                throw LibvirtCallError(code: error.code, message: "\(vm): \(error.message)")
            }
        }

        private func reading(
            of domain: Domain, vm: VMID, _ values: TypedValues, readAt: MonotonicInstant, capabilities: HostCapabilities
        ) throws(LibvirtCallError) -> DomainReading {
            let state = try domain.state()
            let description = try self.description(of: domain, vm: vm, capabilities: capabilities)
            let job = state.activity != .shutOff ? try domain.migrationJob() : nil
            let presence = state.presence(
                mark: description.mark, isIncoming: job == .incoming, at: self.settings.endpoint)

            var reading = DomainReading(
                vm: vm, presence: presence, counters: nil, dirtyMiBPerSecond: Self.measuredDirtyRate(values),
                migratability: .rooted(reason: "does not run"), mark: description.mark, job: nil,
                cpuRequirement: description.cpuRequirement)
            switch job {
            case .incoming: reading.job = .incoming
            case .outgoing(let figures):
                reading.job = .outgoing
                reading.dirtyMiBPerSecond = figures.dirtyMiBPerSecond
            case nil: break
            }
            guard presence == .running else { return reading }
            reading.counters = self.counters(values, vm: vm, readAt: readAt)
            if job == nil {
                reading.migratability = try self.migratability(of: domain, description: description)
                self.measureDirtyRateWhenDue(of: domain, vm: vm, now: readAt)
            } else {
                reading.migratability = .rooted(reason: "is being migrated")
            }
            return reading
        }

        /// The judgement about a domain, with the facts that its XML does not hold.
        func migratability(
            of domain: Domain, description: DomainDescription
        ) throws(LibvirtCallError) -> Migratability {
            guard let tree = description.tree else { return .rooted(reason: description.unreadable) }
            var facts = MigratabilityRules.Facts()
            for disk in description.diskTargets {
                var info = virDomainBlockJobInfo()
                if virDomainGetBlockJobInfo(domain.pointer, disk, &info, 0) == 1 {
                    facts.disksWithBlockJob.append(disk)
                }
            }
            facts.snapshots = Int(max(0, virDomainSnapshotNum(domain.pointer, 0)))
            return self.settings.migratabilityRules.migratability(of: tree, facts: facts)
        }

        /// What the domain's XML says now.
        func description(
            of domain: Domain, vm: VMID, capabilities: HostCapabilities
        ) throws(LibvirtCallError) -> DomainDescription {
            let xml = try domain.xml()
            if let known = self.memory.withLock({ $0.descriptions[vm] }), known.xml == xml { return known }
            let description = DomainDescription(
                xml: xml, bytesMax: self.settings.domainXMLBytesMax, hostCPU: capabilities.cpu)
            self.memory.withLock { $0.descriptions[vm] = description }
            return description
        }

        private func counters(_ values: TypedValues, vm: VMID, readAt: MonotonicInstant) -> DomainCounters? {
            guard let cpu = values["cpu.time"], let memory = values["balloon.current"] ?? values["balloon.maximum"]
            else {
                return nil
            }
            var counters = DomainCounters(readAt: readAt, cpuNanoseconds: cpu, memoryKiB: memory)
            for vcpu in 0..<Self.bounded(values["vcpu.maximum"]) {
                counters.waitedNanoseconds[vcpu] = values["vcpu.\(vcpu).delay"]
            }
            if counters.waitedNanoseconds.isEmpty {
                let delay = RunQueueDelay(
                    processIDDirectory: self.settings.processIDDirectory,
                    processDirectory: self.settings.processDirectory)
                counters.waitedNanoseconds = delay.waitedNanoseconds(domain: vm.name)
            }
            for disk in 0..<Self.bounded(values["block.count"]) {
                guard let name = values.text("block.\(disk).name"), let read = values["block.\(disk).rd.bytes"],
                    let written = values["block.\(disk).wr.bytes"]
                else { continue }
                counters.diskBytes[name] = read &+ written
            }
            for interface in 0..<Self.bounded(values["net.count"]) {
                guard let name = values.text("net.\(interface).name"),
                    let received = values["net.\(interface).rx.bytes"],
                    let sent = values["net.\(interface).tx.bytes"]
                else { continue }
                counters.networkBytes[name] = received &+ sent
            }
            return counters
        }

        /// Devices of one kind that are looked at: libvirt's own limit for vCPUs of one guest.
        private static let devicesMax: UInt64 = 4_096

        private static func bounded(_ count: UInt64?) -> Int { Int(min(count ?? 0, self.devicesMax)) }

        // MARK: Dirty rate

        private static func measuredDirtyRate(_ values: TypedValues) -> Int {
            guard values["dirtyrate.calc_status"] == UInt64(VIR_DOMAIN_DIRTYRATE_MEASURED.rawValue) else { return 0 }
            return Int(min(values["dirtyrate.megabytes_per_second"] ?? 0, UInt64(Resources.amountMax)))
        }

        /// Starts a measurement that a later reading finds. It is a hint for plans: whether it works does not matter.
        private func measureDirtyRateWhenDue(of domain: Domain, vm: VMID, now: MonotonicInstant) {
            guard let interval = self.settings.dirtyRateInterval else { return }
            let isDue = self.memory.withLock { memory in
                if let startedAt = memory.dirtyRateStartedAt[vm], now - startedAt < interval { return false }
                memory.dirtyRateStartedAt[vm] = now
                return true
            }
            guard isDue else { return }
            virDomainStartDirtyRateCalc(domain.pointer, Self.dirtyRateSeconds, 0)
        }

        private static let dirtyRateSeconds: Int32 = 1
    }

    extension MigrationFigures {
        /// What the guest wrote to memory during the last pass.
        var dirtyMiBPerSecond: Int {
            let (bytes, overflow) = self.dirtyPagesPerSecond.multipliedReportingOverflow(by: self.pageBytes)
            return overflow ? Resources.amountMax : Int(bytes / 1_048_576)
        }
    }
#endif
