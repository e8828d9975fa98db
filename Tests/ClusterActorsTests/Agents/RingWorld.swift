import Basis
import ClusterActors
import Hypervisor
import Logging
import Placement
import Simulation
import Transport

/// A ring of real agents on modelled hosts, all in one simulated world.
///
/// Safe because a world runs on one thread.
final class RingWorld: @unchecked Sendable {
    let world: World
    let network: SimulatedNetwork
    let fleet: ModelledFleet
    let config: RingConfig
    let settings: AgentSettings
    /// The hypervisors live in a process of their own: a crash of an agent is not one of its host.
    let hosts: SimulatedProcess
    private(set) var members: [NodeID: Member] = [:]
    let nodes: [NodeID]
    /// What every agent told, in order.
    private(set) var events: [(at: MonotonicInstant, node: NodeID, event: AgentEvent)] = []
    private var generator: SplitMix64

    struct Member {
        var agent: NodeAgent
        var process: SimulatedProcess
        var store: MemoryStore
    }

    static let capacity = Resources(cpuMillicores: 4_000, memoryMiB: 16_384)

    init(
        _ world: World, nodes count: Int, settings: AgentSettings = AgentSettings(), quality: LinkQuality = .local
    ) async throws {
        self.world = world
        self.network = SimulatedNetwork(world: world, quality: quality)
        self.fleet = ModelledFleet(time: world.time)
        self.nodes = (1...count).map { NodeID("n\($0)")! }
        self.config = try RingConfig(
            members: self.nodes.map { MemberDescription(id: $0, address: "\($0):1", site: "s", rack: "r") },
            order: .listed)
        self.settings = settings
        self.hosts = world.makeProcess("hypervisors")
        self.generator = world.makeGenerator()
        let fleet = self.fleet
        self.hosts.start { await fleet.run() }
    }

    /// Adds a host; `demands` are the CPU demands of its guests, each of 1 GiB, named after the node.
    func addHost(_ node: NodeID, demands: [Int]) async throws {
        let guests = demands.enumerated().map { index, demand in
            ModelledGuest(
                vm: VMID("\(node)-vm\(index + 1)")!, demand: Resources(cpuMillicores: demand, memoryMiB: 1_024),
                dirtyMiBPerSecond: 5)
        }
        let fleet = self.fleet
        let settings = ModelledHostSettings(node: node, capacity: Self.capacity)
        try await self.hosts.run { await fleet.add(settings, running: guests) }
    }

    /// Starts the agent of a node, or starts it again after a crash with what its store kept.
    func start(_ node: NodeID) async throws {
        let process = self.world.makeProcess(node.name)
        let transport = self.network.attach(node, process: process)
        let store = self.members[node]?.store ?? MemoryStore()
        let fleet = self.fleet
        let driver = try await self.hosts.run { await fleet.driver(for: node) }
        let membership = Membership(
            config: self.config,
            local: MemberDescription(id: node, address: "\(node):1", site: "s", rack: "r"), boot: process.boot,
            using: &self.generator)
        let agent = NodeAgent(
            membership: membership, boot: process.boot, settings: self.settings,
            ports: NodeAgent.Ports(
                transport: transport, hypervisor: HostedDriver(driver, in: self.hosts, for: process),
                time: self.world.time, store: store, events: EventLog(ring: self, node: node),
                solver: LocalPartitionSolver(), executor: process),
            seed: self.generator.next(), log: Logger(label: "agent") { _ in SwiftLogNoOpLogHandler() })
        self.members[node] = Member(agent: agent, process: process, store: store)
        try await process.run { await transport.register(agent, for: .agents) }
        process.start { await agent.run() }
    }

    func startAll(_ demands: [NodeID: [Int]]) async throws {
        for node in self.nodes { try await self.addHost(node, demands: demands[node] ?? [500, 500]) }
        for node in self.nodes { try await self.start(node) }
    }

    fileprivate func note(_ event: AgentEvent, of node: NodeID, at instant: MonotonicInstant) {
        self.events.append((instant, node, event))
        self.world.record(
            "event", ["node": .node(node), "isp": .text(event.isp?.description ?? ""), "text": .text(event.text)])
    }

    // MARK: - Asking

    func status(_ node: NodeID) async throws -> AgentStatus {
        guard let member = self.members[node] else { preconditionFailure("\(node) was not started") }
        let agent = member.agent
        return try await member.process.run { await agent.status() }
    }

    /// Every node on which each guest runs, by the hypervisors' word.
    func runningPlaces() async throws -> [VMID: [NodeID]] {
        let fleet = self.fleet
        let inventory = try await self.hosts.run { await fleet.inventory() }
        var places: [VMID: [NodeID]] = [:]
        for (node, domains) in inventory.sorted(by: { $0.key < $1.key }) {
            for domain in domains where domain.presence == .running { places[domain.vm, default: []].append(node) }
        }
        return places
    }

    func load(_ node: NodeID) async throws -> Int {
        let fleet = self.fleet
        let inventory = try await self.hosts.run { await fleet.inventory() }
        return inventory[node, default: []].filter { $0.presence == .running }
            .reduce(0) { $0 + $1.demand.cpuMillicores }
    }

    func sleep(_ duration: Duration) async throws {
        try await self.world.time.sleep(for: duration)
    }

    /// The outcomes of all ISPs so far, in the order in which they ended.
    var outcomes: [Outcome] {
        self.events.compactMap { if case .ispEnded(let summary) = $0.event { summary.outcome } else { nil } }
    }

    /// What was told, one line an event.
    var story: [String] {
        self.events.map {
            "\($0.at.nanoseconds / 1_000_000) ms \($0.node) \($0.event.isp?.description ?? "-") \($0.event.text)"
        }
    }
}

/// A journal that survives its agent's process.
///
/// Safe because a world runs on one thread.
final class MemoryStore: AgentStore, @unchecked Sendable {
    private var stored = StoredAgent(marks: AgentMarks(), handovers: [])

    func load() async throws -> StoredAgent { self.stored }

    func save(_ handover: HandoverRecord) async throws {
        try await self.forget(handover.action, as: handover.role)
        self.stored.handovers.append(handover)
    }

    func forget(_ action: ActionID, as role: HandoverRecord.Role) async throws {
        self.stored.handovers.removeAll { $0.action == action && $0.role == role }
    }

    func save(_ marks: AgentMarks) async throws { self.stored.marks = marks }
}

private struct EventLog: AgentEventSink {
    let ring: RingWorld
    let node: NodeID

    func record(_ event: AgentEvent, at instant: MonotonicInstant) {
        self.ring.note(event, of: self.node, at: instant)
    }
}
