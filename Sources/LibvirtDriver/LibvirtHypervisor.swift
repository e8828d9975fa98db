#if Libvirt
    package import Basis
    import CLibvirt
    package import Hypervisor
    package import Logging
    package import Placement

    /// The libvirt daemon of one host, behind the port.
    ///
    /// Who does what here:
    /// - this actor keeps the connection, the demand history and the migrations that run; it never blocks;
    /// - ``CallLane``: every call into libvirt is made on threads apart from the cooperative pool, one lane each for
    ///   statistics, short commands, migrations, their watchers, connecting, and other hosts;
    /// - ``LibvirtEventLoop``: libvirt's own loop, for events and keepalive;
    /// - `Domains/`: pure rules over domain XML and states; `Statistics/`: counters to demand.
    ///
    /// ``run()`` must be running for anything else to work: it connects, and connects again when the daemon was gone.
    /// Until then, and in between, calls throw `unreachable`.
    package actor LibvirtHypervisor: HypervisorDriver {
        let settings: LibvirtSettings
        let time: any TimeSource
        let log: Logger

        let commands: CallLane
        let migrations: CallLane
        let watchers: CallLane
        let peers: PeerHypervisors
        let reader: StatisticsReader
        private let statistics: CallLane
        private let opening: CallLane
        private let relay = EventRelay()

        private var connected: ConnectedHost?
        private var estimators: [VMID: DemandEstimator] = [:]
        /// Why the last sample could not be taken; nil when it could.
        private var sampleTrouble: HypervisorError?
        /// Outgoing migrations that this driver was told to do.
        var runs: [VMID: MigrationRun] = [:]
        /// Guests that may flow in.
        var tickets: [VMID: MigrationTicket] = [:]

        /// The connections to a host and what was learned of it when they were made.
        struct ConnectedHost: Sendable {
            var connections: HostConnections
            var capabilities: HostCapabilities
        }

        /// - Precondition: `settings.problems` is empty.
        package init(settings: LibvirtSettings, time: any TimeSource, log: Logger) {
            precondition(settings.problems.isEmpty, "settings were not checked: \(settings.problems)")
            self.settings = settings
            self.time = time
            self.log = log
            self.statistics = CallLane(name: "libvirt-stats", threadsMax: 1, queuedMax: 1)
            self.commands = CallLane(
                name: "libvirt-calls", threadsMax: settings.callThreads, queuedMax: settings.queuedCallsMax)
            self.migrations = CallLane(name: "libvirt-migrate", threadsMax: settings.migrationsMax, queuedMax: 0)
            self.watchers = CallLane(name: "libvirt-watch", threadsMax: settings.migrationsMax, queuedMax: 0)
            self.opening = CallLane(name: "libvirt-open", threadsMax: 2, queuedMax: 0)
            self.peers = PeerHypervisors(settings: settings, time: time)
            self.reader = StatisticsReader(settings: settings)
        }

        // MARK: Connection

        /// Keeps the host's daemon connected until the task is cancelled, then closes the driver for good.
        package func run() async {
            var delay = self.settings.reconnectDelayMin
            while !Task.isCancelled {
                do {
                    let host = try await self.open()
                    delay = self.settings.reconnectDelayMin
                    let reason = await self.serve(host)
                    if !Task.isCancelled { self.log.warning("libvirt lost", metadata: ["reason": "\(reason)"]) }
                } catch {
                    guard !Task.isCancelled else { break }
                    self.log.warning(
                        "libvirt not reached", metadata: ["uri": "\(self.settings.uri)", "reason": "\(error)"])
                    guard (try? await self.time.sleep(for: delay)) != nil else { break }
                    delay = min(delay * 2, self.settings.reconnectDelayMax)
                }
            }
            self.relay.finish()
            for lane in [self.statistics, self.commands, self.migrations, self.watchers, self.opening] { lane.close() }
            self.peers.close()
        }

        private func open() async throws(HypervisorError) -> ConnectedHost {
            let uri = self.settings.uri
            let keepAlive = self.settings.keepAlive
            let relay = self.relay
            return try await self.opening.run(within: self.settings.openTimeout, time: self.time) {
                do throws(LibvirtCallError) {
                    let connection = try LibvirtConnection(uri: uri, keepAlive: keepAlive)
                    let capabilities = try connection.capabilities()
                    try connection.watch(tellingChangesTo: relay)
                    return .success(
                        ConnectedHost(
                            connections: HostConnections(watched: connection, uri: uri, keepAlive: keepAlive),
                            capabilities: capabilities))
                } catch {
                    return .failure(.unreachable(error.message))
                }
            }
        }

        /// Lets calls use `host` until it is lost or the task is cancelled.
        ///
        /// - Returns: Why it was lost.
        private func serve(_ host: ConnectedHost) async -> String {
            self.connected = host
            // Counters of before the loss are too old to tell a rate.
            self.estimators = [:]
            self.log.info("libvirt connected", metadata: ["uri": "\(self.settings.uri)"])
            self.relay.tell(.connected)
            let reason = await withTaskCancellationHandler {
                await host.connections.watched.lost.value()
            } onCancel: {
                host.connections.watched.lost.give("the driver is being closed")
            }
            self.connected = nil
            self.relay.tell(.disconnected)
            return reason
        }

        func host() throws(HypervisorError) -> ConnectedHost {
            guard let connected = self.connected else {
                throw .unreachable("no connection to \(self.settings.uri)")
            }
            return connected
        }

        /// Makes one short blocking call on a connection of its own.
        func call<Value: Sendable>(
            _ body: @escaping @Sendable (LibvirtConnection) throws(LibvirtCallError) -> Value
        ) async throws(HypervisorError) -> Value {
            let connections = try self.host().connections
            return try await self.commands.run(within: self.settings.callTimeout, time: self.time) {
                connections.use(body)
            }
        }

        nonisolated package func events() -> AsyncStream<HypervisorEvent> {
            self.relay.listen()
        }

        // MARK: What the host and its guests are

        package func describeHost() async throws(HypervisorError) -> HostDescription {
            let facts = try await self.call { connection throws(LibvirtCallError) in try connection.hostFacts() }
            return HostDescription(
                capacity: self.settings.capacity ?? facts.capacity, hypervisor: facts.hypervisor,
                endpoint: self.settings.endpoint, cpuModel: facts.capabilities.cpu?.serialized ?? "")
        }

        package func sample() async throws(HypervisorError) -> HostSample {
            let time = self.time
            let readings = try await self.readings(of: try self.host())
            let domains = readings.sorted { $0.vm < $1.vm }.map { self.domainSample($0) }
            let vms = Set(domains.map(\.vm))
            self.estimators = self.estimators.filter { vms.contains($0.key) }
            return HostSample(takenAt: time.now, domains: domains)
        }

        /// Every domain as libvirt shows it now. A reading that fails is told once for each reason, here: some callers ask
        /// again without a word, and one domain that cannot be read keeps the whole host from being seen.
        private func readings(of host: ConnectedHost) async throws(HypervisorError) -> [DomainReading] {
            let reader = self.reader
            let time = self.time
            do {
                let readings = try await self.statistics.run(within: self.settings.callTimeout, time: time) {
                    host.connections.use { connection throws(LibvirtCallError) in
                        try reader.read(connection, capabilities: host.capabilities, time: time)
                    }
                }
                self.sampleTrouble = nil
                return readings
            } catch {
                if !Task.isCancelled, self.sampleTrouble != error {
                    self.log.warning("the domains could not be read", metadata: ["reason": "\(error)"])
                    self.sampleTrouble = error
                }
                throw error
            }
        }

        private func domainSample(_ reading: DomainReading) -> DomainSample {
            var demand: Resources?
            if let counters = reading.counters {
                demand = self.estimators[reading.vm, default: DemandEstimator()].demand(counters)
            }
            return DomainSample(
                vm: reading.vm, presence: reading.presence, demand: demand,
                dirtyMiBPerSecond: reading.dirtyMiBPerSecond, migratability: reading.migratability, mark: reading.mark,
                job: reading.job, cpuRequirement: reading.cpuRequirement)
        }

        package func presence(of vm: VMID) async throws(HypervisorError) -> DomainPresence {
            let endpoint = self.settings.endpoint
            return try await self.call { connection throws(LibvirtCallError) in
                try connection.presence(of: vm, at: endpoint)
            }
        }

        package func presence(
            of vm: VMID, at host: MigrationEndpoint
        ) async throws(HypervisorError) -> DomainPresence {
            try await self.peers.presence(of: vm, at: host)
        }

        /// Why a guest with this CPU requirement cannot run on this host, in words; nil when it can.
        package func admits(cpuRequirement: String) async throws(HypervisorError) -> String? {
            // A guest that says nothing of its CPU leaves the judgement to libvirt.
            guard !cpuRequirement.isEmpty else { return nil }
            guard let requirement = CPURequirement(text: cpuRequirement) else {
                return "its CPU requirement cannot be read"
            }
            let capabilities = try self.host().capabilities
            if let refusal = capabilities.refusal(of: requirement) { return refusal }
            guard requirement.dependsOnHostCPU, !requirement.seesHostCPU else { return nil }
            return try await self.call { connection throws(LibvirtCallError) in
                try connection.refusal(ofCPU: requirement, capabilities: capabilities)
            }
        }

        // MARK: What a handover orders

        package func resume(_ vm: VMID) async throws(HypervisorError) {
            try await self.call { connection throws(LibvirtCallError) in try connection.resume(vm) }.check(vm)
        }

        package func discardPausedCopy(of vm: VMID) async throws(HypervisorError) {
            try await self.call { connection throws(LibvirtCallError) in try connection.discardPausedCopy(of: vm) }
                .check(vm)
        }

        package func setMark(_ mark: HandoverMark?, on vm: VMID) async throws(HypervisorError) {
            try await self.call { connection throws(LibvirtCallError) in try connection.setMark(mark, on: vm) }.check(
                vm)
        }
    }
#endif
