import Basis
import Deployer
import Foundation
import Settings
import Simulation
import Testing

/// A small fleet, a folder for its records, and modelled hosts that outlast the runs on them.
struct DeploymentFixture: Sendable {
    let fleet: FleetSettings
    let folder: StateFolder

    /// - Parameters:
    ///   - inventory: how many hosts the file lists.
    ///   - provider: of hosts, and what else is to stand there.
    ///   - rest: more of the fleet's file.
    static func fleet(
        _ name: String = "test", hosts: Int = 3, spares: Int = 1, inventory: Int? = nil, guests: Int = 6,
        pattern: String = "vm-{n}", subnet: String = "10.158.0.0/18", memory: String = "16GiB",
        provider: String = "inventory", _ rest: String = ""
    ) throws -> FleetSettings {
        let listed = (1...(inventory ?? hosts + spares)).map {
            "    - {id: h\($0), address: 192.0.2.\($0 % 250), ssh: {port: \(2_000 + $0)}, memory: \(memory), cpus: 16}"
        }
        let text = """
            fleet: \(name)
            seed: 7
            inventory:
              hosts:
            \(listed.joined(separator: "\n"))
            booking: {hosts: \(hosts), spares: \(spares), provider: \(provider)}
            network: {subnet: \(subnet)}
            image: {file: debian.qcow2}
            templates:
              - {name: small, vcpus: 1, memory: 512MiB}
            vms:
              - {template: small, count: \(guests), name: "\(pattern)"}
            retries: {attempts: 3, delay: 1s, delay_max: 10s}
            \(rest)
            """
        return try FleetSettings.read(file: "etc/fleet.yaml") { _ in text }
    }

    init(_ fleet: FleetSettings) throws {
        self.fleet = fleet
        self.folder = try StateFolder(
            FileManager.default.temporaryDirectory.appendingPathComponent("dvms-deploy-\(UUID().uuidString)").path)
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.folder.path) }

    func run(
        _ fleet: FleetSettings? = nil, on hosts: any HostDirectory, installer: (any SystemInstaller)? = nil,
        agents: (any AgentSource)? = nil, time: any TimeSource, replacesLost: Bool = false,
        store: (any DeploymentStore)? = nil, frontend: (any HostShell)? = nil,
        watch: @escaping @Sendable (DeploymentEvent) -> Void = { _ in }
    ) throws -> DeploymentRun {
        let store = try store ?? SQLiteStore(self.folder, time: time)
        let fleet = fleet ?? self.fleet
        var booking: any Booking = InventoryBooking(store: store, time: time)
        if case .batch(let settings) = fleet.booking.provider, let frontend {
            booking = BatchBooking(settings, shell: frontend, store: store, time: time)
        }
        return DeploymentRun(
            fleet, store: store, booking: booking, directory: hosts, installer: installer, agents: agents, time: time,
            replacesLost: replacesLost, watch: watch)
    }

    /// Runs `body` under virtual time with modelled hosts for the fleet.
    static func inWorld<Value: Sendable>(
        _ fleet: FleetSettings, faults: [NodeID: [ModelledFault]] = [:],
        settings: ModelledHostSettings = ModelledHostSettings(), seed: UInt64 = 1,
        _ body: @escaping @Sendable (DeploymentFixture, ModelledHosts, World) async throws -> Value
    ) async throws -> Value {
        let fixture = try DeploymentFixture(fleet)
        defer { fixture.remove() }
        return try await World.run(seed: seed) { world in
            let hosts = ModelledHosts(fleet.inventory, settings, faults: faults, seed: seed, time: world.time)
            return try await body(fixture, hosts, world)
        }.value
    }
}

extension ModelledHosts {
    /// The hosts on which each guest runs.
    func running() async -> [String: [NodeID]] {
        var places: [String: [NodeID]] = [:]
        for (id, host) in self.hosts.sorted(by: { $0.key < $1.key }) {
            for (name, guest) in await host.contents.guests where guest.isRunning {
                places[name, default: []].append(id)
            }
        }
        return places
    }

    /// Hosts on which something of a deployment is.
    func used() async -> [NodeID] {
        var used: [NodeID] = []
        for (id, host) in self.hosts where await host.contents != ModelledHost.Contents() { used.append(id) }
        return used.sorted()
    }

    /// Hosts that let others fetch such a file.
    func serving(_ kind: SpreadKind) async -> [NodeID] {
        var serving: [NodeID] = []
        for (id, host) in self.hosts where await host.contents.readers[kind] != nil { serving.append(id) }
        return serving.sorted()
    }

    func changes() async -> Int {
        var sum = 0
        for host in self.hosts.values { sum += await host.changes }
        return sum
    }

    /// Records an issue for whatever does not hold of a fleet that is done.
    func expectWhole(
        _ fleet: FleetSettings, _ report: DeploymentReport, sourceLocation: SourceLocation = #_sourceLocation
    )
        async
    {
        let running = await self.running()
        #expect(running.count == fleet.guestCount, sourceLocation: sourceLocation)
        #expect(running.values.allSatisfy { $0.count == 1 }, "\(running)", sourceLocation: sourceLocation)
        #expect(report.runningCount == fleet.guestCount, "\(report.failures)", sourceLocation: sourceLocation)
        for guest in report.guests {
            #expect(running[guest.identity.name] == guest.host.map { [$0] }, sourceLocation: sourceLocation)
        }
        let addresses = Set(report.guests.map(\.identity.address))
        let macs = Set(report.guests.map(\.identity.mac))
        #expect(addresses.count == fleet.guestCount && macs.count == fleet.guestCount, sourceLocation: sourceLocation)
    }
}
