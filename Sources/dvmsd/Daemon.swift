import Basis
import ClusterActors
import Foundation
import Glibc
import Journal
import Logging
import NIOCore
import NIOPosix
import Settings
import Transport

/// One daemon: everything that the agent of one node needs, put together, and its life from start to end.
struct Daemon: Sendable {
    /// How long an ending daemon waits for what it has begun.
    static let grace = Duration.seconds(20)
    private static let journalFile = "journal.sqlite"

    private let settings: NodeSettings
    private let config: ConfigFile
    private let log: Logger
    private let time: SystemTimeSource
    private let journal: NodeJournal
    private let events: EventLog
    private let transport: TCPTransport
    private let hypervisor: NodeHypervisor
    private let agent: NodeAgent
    private let control: ControlSocket
    private let addresses: MemberAddresses
    private let startedAt: MonotonicInstant
    private let reloads = OneAtATime()

    /// Starts, says that it is ready, and returns when it was told to stop and has.
    ///
    /// - Throws: ``StartError``, with nothing left behind.
    static func run(_ settings: NodeSettings, config: ConfigFile, log: Logger) async throws(StartError) {
        let signals = await Signals()
        let daemon = try await Daemon(settings, config: config, log: log)
        await daemon.live(until: signals)
    }

    private init(_ settings: NodeSettings, config: ConfigFile, log: Logger) async throws(StartError) {
        self.settings = settings
        self.config = config
        self.log = log
        let time = SystemTimeSource()
        self.time = time
        self.startedAt = time.now
        self.journal = try Self.openJournal(settings, time: time)
        let unsolved = UnsolvedProblems(stateDirectory: settings.stateDirectory)
        self.events = EventLog(
            journal: self.journal,
            entries: EventEntries(
                time: time, machineClockOffset: Self.machineClock() - (time.now - .zero), unsolved: unsolved),
            unsolved: unsolved, log: log)
        // One thread does everything that waits: agent, connections, control socket.
        let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let ring: RingConfig
        do {
            ring = try RingConfig(settings.ring)
        } catch {
            throw .ring(error)
        }
        self.addresses = MemberAddresses(ring, log: log)
        self.hypervisor = try NodeHypervisor(settings.hypervisor, time: time, on: eventLoop, log: log)
        self.transport = try await Self.startTransport(
            settings, boot: self.journal.boot, addresses: self.addresses.table, time: time, on: eventLoop, log: log)
        self.agent = try Self.makeAgent(
            settings, ring: ring, boot: self.journal.boot,
            ports: NodeAgent.Ports(
                transport: self.transport, hypervisor: self.hypervisor.driver, time: time,
                store: JournalStore(journal: self.journal, time: time), events: self.events,
                solver: LocalPartitionSolver(), executor: self.transport.executor,
                members: MemberPeers(self.addresses, self.transport)),
            log: log)
        do {
            self.control = try await Self.openControlSocket(settings, on: eventLoop, log: log)
        } catch {
            await self.transport.shutdown()
            throw error
        }
        await self.transport.register(self.agent, for: .agents)
    }

    // MARK: - Parts

    private static func openJournal(
        _ settings: NodeSettings, time: any TimeSource
    ) throws(StartError) -> NodeJournal {
        let directory = settings.stateDirectory
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw .directory(path: directory, reason: "cannot be made: \(error.localizedDescription)")
        }
        var limits = JournalLimits()
        limits.eventsMax = settings.journal.eventsMax
        limits.ageMillisecondsMax = UInt64(clamping: settings.journal.ageMax.inMilliseconds)
        do {
            return try NodeJournal(
                path: "\(directory)/\(Self.journalFile)", limits: limits,
                firstBoot: NodeJournal.firstBoot(atWallClockMilliseconds: time.wallClockMilliseconds))
        } catch {
            throw .journal(error)
        }
    }

    private static func openControlSocket(
        _ settings: NodeSettings, on eventLoop: any EventLoop, log: Logger
    ) async throws(StartError) -> ControlSocket {
        let path = settings.controlSocket
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw .directory(path: directory, reason: "cannot be made: \(error.localizedDescription)")
        }
        return try await ControlSocket.open(at: path, on: eventLoop, log: log)
    }

    private static func startTransport(
        _ settings: NodeSettings, boot: UInt64, addresses: AddressTable, time: SystemTimeSource,
        on eventLoop: any EventLoop, log: Logger
    ) async throws(StartError) -> TCPTransport {
        var transport = TransportSettings()
        transport.insecure = settings.insecure
        OpenFilesLimit.raise(forPeers: transport.connectionsMax, log: log)
        do {
            return try await TCPTransport.start(
                identity: TransportIdentity(node: settings.node, cluster: settings.cluster, boot: boot),
                listenOn: PeerAddress(host: settings.listen.host, port: UInt16(clamping: settings.listen.port)),
                addresses: addresses, certificates: settings.tls.map(CertificateFiles.init), settings: transport,
                time: time, random: SystemRandomNumberGenerator(), eventLoop: eventLoop, log: log)
        } catch {
            throw .transport(error)
        }
    }

    private static func makeAgent(
        _ settings: NodeSettings, ring: RingConfig, boot: UInt64, ports: NodeAgent.Ports, log: Logger
    ) throws(StartError) -> NodeAgent {
        guard let index = ring.index(of: settings.node) else {
            preconditionFailure("settings of a node that its ring does not list are refused before")
        }
        var random = SystemRandomNumberGenerator()
        let membership = Membership(
            config: ring, local: ring.members[index], boot: boot, settings: MembershipSettings(settings.membership),
            using: &random)
        return NodeAgent(
            membership: membership, boot: boot, settings: AgentSettings(settings), ports: ports, seed: random.next(),
            log: log)
    }

    /// The machine's clock since its boot, which all its processes share.
    private static func machineClock() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    // MARK: - Life

    private func live(until signals: Signals) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.events.run() }
            await withDiscardingTaskGroup { group in
                group.addTask { await self.hypervisor.run() }
                group.addTask { await self.agent.run() }
                group.addTask { await self.control.serve(self.service) }
                self.sayReady()
                await self.obey(signals)
                group.cancelAll()
            }
            await self.transport.shutdown()
            self.events.close()
        }
        do {
            try self.journal.close()
        } catch {
            self.log.error("the journal was not closed", metadata: ["reason": "\(error)"])
        }
    }

    private var service: ControlService {
        ControlService(
            settings: self.settings, agent: self.agent, transport: self.transport, journal: self.journal,
            events: self.events, addresses: self.addresses, time: self.time, startedAt: self.startedAt,
            reload: { await self.reloads.run { await self.reload() } })
    }

    private func sayReady() {
        print("ready \(self.settings.node) \(self.settings.listen) \(self.control.path)")
        // All streams, because naming this one is not safe between threads.
        fflush(nil)
    }

    /// Returns when the agent has stopped in good order, or a second signal would not wait for that.
    private func obey(_ signals: Signals) async {
        var stopping: Task<Void, Never>?
        for await signal in signals.stream {
            switch signal {
            case .reload:
                if let refusal = await self.reloads.run({ await self.reload() }) {
                    self.log.error("not reloaded", metadata: ["reason": "\(refusal)"])
                }
            case .stop:
                guard stopping == nil else { return }
                self.log.notice("stopping")
                // Unstructured, so that a second signal is heard meanwhile and ends the wait.
                stopping = Task {
                    await self.agent.stop(grace: Self.grace)
                    signals.end()
                }
            }
        }
    }

    /// Reads the config and the certificates again; nil, or what was wrong: then everything stays as it was.
    private func reload() async -> String? {
        let settings: NodeSettings
        do {
            settings = try self.config.read()
        } catch {
            return "\(error)"
        }
        if let changed = settings.firstChangeThatNeedsRestart(from: self.settings) {
            return "\(changed) changes with a restart only"
        }
        let certificates: TCPTransport.LoadedCertificates
        do {
            certificates = try await self.transport.loadCertificates()
        } catch {
            return "certificates: \(error)"
        }
        // The last that can refuse: it takes all into use, or nothing.
        if let refusal = await self.agent.reconfigure(AgentSettings(settings)) { return refusal }
        await self.transport.use(certificates)
        self.log.notice("reloaded")
        return nil
    }
}

extension NodeSettings {
    /// The key of the first setting that differs from `running` and that a running daemon cannot change.
    func firstChangeThatNeedsRestart(from running: NodeSettings) -> String? {
        let fixed: [(String, Bool)] = [
            ("node", self.node == running.node), ("cluster", self.cluster == running.cluster),
            ("ring", self.ring == running.ring), ("listen", self.listen == running.listen),
            ("insecure", self.insecure == running.insecure), ("tls", self.tls == running.tls),
            ("control_socket", self.controlSocket == running.controlSocket),
            ("state_dir", self.stateDirectory == running.stateDirectory),
            ("hypervisor", self.hypervisor == running.hypervisor),
            ("membership", self.membership == running.membership), ("journal", self.journal == running.journal),
            ("log", self.logLevel == running.logLevel),
        ]
        return fixed.first { !$0.1 }?.0
    }
}
