import Basis
import Deployer
import Hypervisor
import Placement
import Settings
import Simulation
import Testing

/// The largest deployment of the SCALE'13 paper (10,240 VMs on 512 nodes of 10 clusters at 4 sites), on modelled hosts in one
/// process; and then the ring of the agents that it installed.
@Suite("A deployed ring")
struct DeployedRingTests {
    private static let hosts = 512
    private static let clusters = 10
    private static let sites = 4
    private static let guestsPerHost = 20
    /// Of a host, in cores; and what each guest wants of one, in thousandths, at rest and when it is busy.
    private static let cores = 16
    private static let (idle, busy) = (300, 800)
    /// In percent of the capacity: what an agent bears without its own word.
    private static let overloadPercent = 80

    private static func fleet() throws -> FleetSettings {
        let listed = (1...Self.hosts).map { number in
            let cluster = number % Self.clusters
            return "    - {id: h\(number), address: 198.18.\(number / 250).\(number % 250 + 1), cpus: \(Self.cores), "
                + "memory: 64GiB, site: s\(cluster % Self.sites), cluster: c\(cluster)}"
        }
        let text = """
            fleet: paper
            inventory:
              hosts:
            \(listed.joined(separator: "\n"))
            booking: {walltime: 12h}
            network: {subnet: 10.158.0.0/18}
            image: {file: debian.qcow2}
            templates:
              - {name: small, vcpus: 1, memory: 512MiB}
            vms:
              - {template: small, count: \(Self.hosts * Self.guestsPerHost), name: "vm-{n}"}
            cpu_overcommit: 200%
            """
        return try FleetSettings.read(file: "fleet.yaml") { _ in text }
    }

    @Test("of 512 agents with 10,240 VMs repairs an overload")
    func repairs() async throws {
        let fleet = try Self.fleet()
        let fixture = try DeploymentFixture(fleet)
        defer { fixture.remove() }
        let options = WorldOptions(durationMax: .seconds(86_400), eventsMax: .max, traceLinesMax: 0, tracksTasks: false)
        let took = try await World.run(seed: 1, options: options) { world in
            let hosts = ModelledHosts(fleet.inventory, seed: 1, time: world.time)
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, report)
            let ring = try await Self.ring(of: hosts, world)
            #expect(ring.nodes.count == Self.hosts)
            return try await Self.repair(ring, of: "h1")
        }.value
        print("512 agents with 10,240 VMs: an overload is repaired after \(took) of virtual time")
    }

    /// An agent on each host that the deployment gave one, with the guests that it put there; those of h1 are busy.
    private static func ring(of hosts: ModelledHosts, _ world: World) async throws -> RingWorld {
        var guests: [NodeID: [String]] = [:]
        for (id, host) in hosts.hosts {
            let contents = await host.contents
            if contents.agent != nil { guests[id] = contents.guests.keys.sorted() }
        }
        let ring = try await RingWorld(world, nodes: guests.keys.sorted(), quality: .local)
        let capacity = Resources(cpuMillicores: Self.cores * 1_000, memoryMiB: 65_536)
        for (id, names) in guests.sorted(by: { $0.key < $1.key }) {
            let running = names.map { name in
                ModelledGuest(
                    vm: VMID(name)!,
                    demand: Resources(cpuMillicores: id == "h1" ? Self.busy : Self.idle, memoryMiB: 512),
                    dirtyMiBPerSecond: 5)
            }
            try await ring.addHost(Hypervisor.ModelledHostSettings(node: id, capacity: capacity), running: running)
        }
        for id in ring.nodes { try await ring.start(id) }
        return ring
    }

    /// - Returns: after how long `node` was no longer overloaded.
    private static func repair(_ ring: RingWorld, of node: NodeID) async throws -> Duration {
        let began = ring.world.time.now
        let limit = Self.cores * 10 * Self.overloadPercent
        #expect(try await ring.load(node) > limit)
        while try await ring.load(node) > limit {
            try #require(ring.world.time.now - began < .seconds(300), "\(ring.story.suffix(20))")
            try await ring.sleep(.milliseconds(500))
        }
        let places = try await ring.runningPlaces()
        #expect(places.count == Self.hosts * Self.guestsPerHost)
        #expect(places.values.allSatisfy { $0.count == 1 })
        return ring.world.time.now - began
    }
}
