package import Basis
package import ClusterActors
package import Hypervisor
import Logging
package import Placement
import Transport

/// A ring of real agents on modelled hosts, all in one simulated world.
///
/// Safe because a world runs on one thread.
package final class RingWorld: @unchecked Sendable {
    package let world: World
    package let network: SimulatedNetwork
    package let fleet: ModelledFleet
    /// What the listed nodes know of the ring when they start.
    package let config: RingConfig
    package let settings: AgentSettings
    /// The hypervisors live in a process of their own: a crash of an agent is not one of its host.
    package let hosts: SimulatedProcess
    package private(set) var members: [NodeID: Member] = [:]
    /// Every node, also those that the config does not list.
    package let nodes: [NodeID]
    /// What every agent told, in order, as long as ``keepsEvents`` is true.
    package private(set) var events: [(at: MonotonicInstant, node: NodeID, event: AgentEvent)] = []
    /// False where nobody reads them, as in experiments of hours: they would fill the memory.
    package var keepsEvents = true
    /// Called for each event as it is told, within the turn of the agent that tells it.
    package var onEvent: (@Sendable (NodeID, AgentEvent) -> Void)?
    /// Nodes whose agents start with other settings than ``settings``.
    package var settingsByNode: [NodeID: AgentSettings] = [:]
    /// What agents solve with that are started from now on.
    package var solver: any PartitionSolver = LocalPartitionSolver()
    /// The clocks of nodes whose time is not exactly the world's, for agents that are started from now on.
    package var clocks: [NodeID: SkewedTime] = [:]
    private let listed: Set<NodeID>
    private var generator: SplitMix64

    package struct Member {
        package var agent: NodeAgent
        package var process: SimulatedProcess
        package var store: MemoryStore
    }

    package static let capacity = Resources(cpuMillicores: 4_000, memoryMiB: 16_384)

    /// A ring of nodes n1 … n`count`.
    package convenience init(
        _ world: World, nodes count: Int, settings: AgentSettings = AgentSettings(), quality: LinkQuality = .local
    ) async throws {
        try await self.init(
            world, nodes: (1...count).map { NodeID("n\($0)")! }, settings: settings, quality: quality)
    }

    /// - Parameter unlisted: those of `nodes` that the others do not know, and that know nobody, until they join.
    package init(
        _ world: World, nodes: [NodeID], unlisted: Set<NodeID> = [], settings: AgentSettings = AgentSettings(),
        quality: LinkQuality = .local
    ) async throws {
        self.world = world
        self.network = SimulatedNetwork(world: world, quality: quality)
        self.nodes = nodes
        self.listed = Set(nodes).subtracting(unlisted)
        self.config = try RingConfig(
            members: nodes.filter { !unlisted.contains($0) }.map(Self.describe), order: .listed)
        self.settings = settings
        self.hosts = world.makeProcess("hypervisors")
        self.fleet = ModelledFleet(time: world.time, executor: self.hosts)
        self.generator = world.makeGenerator()
        let fleet = self.fleet
        self.hosts.start { await fleet.run() }
        // Agents know their ring by its event log, and the ring knows them.
        world.atEnd { self.dissolve() }
    }

    private func dissolve() {
        self.members = [:]
        self.onEvent = nil
    }

    /// How the others know `node`.
    package static func describe(_ node: NodeID) -> MemberDescription {
        MemberDescription(id: node, address: "\(node):1", site: "s", rack: "r")
    }

    /// Adds a host; `demands` are the CPU demands of its guests, each of 1 GiB, named after the node.
    package func addHost(_ node: NodeID, demands: [Int]) async throws {
        let guests = demands.enumerated().map { index, demand in
            ModelledGuest(
                vm: VMID("\(node)-vm\(index + 1)")!, demand: Resources(cpuMillicores: demand, memoryMiB: 1_024),
                dirtyMiBPerSecond: 5)
        }
        try await self.addHost(ModelledHostSettings(node: node, capacity: Self.capacity), running: guests)
    }

    package func addHost(_ settings: ModelledHostSettings, running guests: [ModelledGuest]) async throws {
        let fleet = self.fleet
        try await self.hosts.run { await fleet.add(settings, running: guests) }
    }

    /// Starts the agent of a node, or starts it again after a crash with what its store kept.
    package func start(_ node: NodeID) async throws {
        let process = self.world.makeProcess(node.name)
        let clock = self.clocks[node] ?? SkewedTime(self.world.time)
        let transport = self.network.attach(node, process: process, time: clock)
        let store = self.members[node]?.store ?? MemoryStore()
        let fleet = self.fleet
        let driver = await fleet.driver(for: node, time: clock)
        let local = Self.describe(node)
        let config = self.listed.contains(node) ? self.config : try RingConfig(members: [local], order: .listed)
        let membership = Membership(config: config, local: local, boot: process.boot, using: &self.generator)
        let agent = NodeAgent(
            membership: membership, boot: process.boot, settings: self.settingsByNode[node] ?? self.settings,
            ports: NodeAgent.Ports(
                transport: transport, hypervisor: driver,
                time: clock, store: store, events: EventLog(ring: self, node: node),
                solver: self.solver, executor: process),
            seed: self.generator.next(), log: Logger(label: "agent") { _ in SwiftLogNoOpLogHandler() })
        self.members[node] = Member(agent: agent, process: process, store: store)
        try await process.run { await transport.register(agent, for: .agents) }
        process.start { await agent.run() }
    }

    package func startAll(_ demands: [NodeID: [Int]]) async throws {
        for node in self.nodes { try await self.addHost(node, demands: demands[node] ?? [500, 500]) }
        for node in self.nodes { try await self.start(node) }
    }

    fileprivate func note(_ event: AgentEvent, of node: NodeID, at instant: MonotonicInstant) {
        if self.keepsEvents {
            self.events.append((instant, node, event))
            self.world.record(
                "event", ["node": .node(node), "isp": .text(event.isp?.description ?? ""), "text": .text(event.text)])
        }
        self.onEvent?(node, event)
    }

    // MARK: - Asking

    /// Asks a node's agent something, in its own process, as its operator does.
    ///
    /// - Throws: ``ProcessCrashed`` when it does not run; waits while it is paused.
    package func ask<Value: Sendable>(
        _ node: NodeID, _ question: @escaping @Sendable (NodeAgent) async throws -> Value
    ) async throws -> Value {
        guard let member = self.members[node] else { preconditionFailure("\(node) was not started") }
        let agent = member.agent
        return try await member.process.run { try await question(agent) }
    }

    package func status(_ node: NodeID) async throws -> AgentStatus {
        try await self.ask(node) { await $0.status() }
    }

    /// Every node on which each guest runs, by the hypervisors' word.
    package func runningPlaces() async throws -> [VMID: [NodeID]] {
        let fleet = self.fleet
        let inventory = try await self.hosts.run { await fleet.inventory() }
        var places: [VMID: [NodeID]] = [:]
        for (node, domains) in inventory.sorted(by: { $0.key < $1.key }) {
            for domain in domains where domain.presence == .running { places[domain.vm, default: []].append(node) }
        }
        return places
    }

    package func load(_ node: NodeID) async throws -> Int {
        let fleet = self.fleet
        let inventory = try await self.hosts.run { await fleet.inventory() }
        return inventory[node, default: []].filter { $0.presence == .running }
            .reduce(0) { $0 + $1.demand.cpuMillicores }
    }

    package func sleep(_ duration: Duration) async throws {
        try await self.world.time.sleep(for: duration)
    }

    /// The outcomes of all ISPs so far, in the order in which they ended.
    package var outcomes: [Outcome] {
        self.events.compactMap { if case .ispEnded(let summary) = $0.event { summary.outcome } else { nil } }
    }

    /// What was told, one line an event.
    package var story: [String] {
        self.events.map {
            "\($0.at.nanoseconds / 1_000_000) ms \($0.node) \($0.event.isp?.description ?? "-") \($0.event.text)"
        }
    }
}

private struct EventLog: AgentEventSink {
    let ring: RingWorld
    let node: NodeID

    func record(_ event: AgentEvent, at instant: MonotonicInstant) {
        self.ring.note(event, of: self.node, at: instant)
    }
}
