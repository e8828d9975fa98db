import ArgumentParser
import Basis
import Foundation
import Hypervisor
import Placement
import Simulation

/// Has modelled hosts migrate guests in virtual time, and prints how long each takes.
///
/// Reads one JSON object a line (``MigrationCase``) from standard input and answers each with one line: a list of
/// seconds, one for each guest that migrates, in rising order.
@main
struct MigrationBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migration-benchmark",
        abstract: "Tells how long migrations take between modelled hosts; cases are read from standard input.")

    func run() async throws {
        while let line = readLine() {
            let migrations = try JSONDecoder().decode(MigrationCase.self, from: Data(line.utf8))
            try migrations.validate()
            let seconds = try await migrations.seconds().sorted()
            print(String(decoding: try JSONEncoder().encode(seconds), as: UTF8.self))
        }
    }
}

/// Guests that begin to migrate together from one host to another.
struct MigrationCase: Decodable {
    var guests: Int
    var memoryMiB: Int
    /// What each guest writes, in MiB per second.
    var dirtyMiBPerSecond: Int
    /// The share of its memory that each guest writes to.
    var workingSetPercent: Int
    var linkMbps: Int
    /// What one migration may use of the link, in MiB per second; 0: all of it.
    var bandwidthMiBPerSecond: Int
    var downtimeMaxMilliseconds: Int

    enum CodingKeys: String, CodingKey {
        case guests
        case memoryMiB = "memory_mib"
        case dirtyMiBPerSecond = "dirty_mib_s"
        case workingSetPercent = "working_set_percent"
        case linkMbps = "link_mbps"
        case bandwidthMiBPerSecond = "bandwidth_mib_s"
        case downtimeMaxMilliseconds = "downtime_max_ms"
    }

    private static let guestsMax = 64
    private static let timeLimit = Duration.seconds(3_600)
    private static let source: NodeID = "source"
    private static let destination: NodeID = "destination"

    func validate() throws {
        guard (1...Self.guestsMax).contains(self.guests), (1...ModelledHostSettings.linkMbpsMax).contains(self.linkMbps)
        else { throw ValidationError("1 to \(Self.guestsMax) guests over a link of at least 1 Mbit/s") }
        for guest in self.modelledGuests {
            if let fault = guest.fault { throw ValidationError(fault) }
        }
    }

    private static func guest(_ number: Int) -> VMID {
        guard let vm = VMID("guest\(number)") else { preconditionFailure("guest\(number) is a name") }
        return vm
    }

    private var modelledGuests: [ModelledGuest] {
        (1...self.guests).map { number in
            ModelledGuest(
                vm: Self.guest(number), demand: Resources(cpuMillicores: 1_000, memoryMiB: self.memoryMiB),
                dirtyMiBPerSecond: self.dirtyMiBPerSecond, workingSetPercent: self.workingSetPercent)
        }
    }

    /// How long each migration takes.
    func seconds() async throws -> [Double] {
        try await World.run(seed: 1) { world in
            let hosts = world.makeProcess("hosts")
            let fleet = ModelledFleet(time: world.time, executor: hosts)
            hosts.start { await fleet.run() }
            return try await hosts.run {
                await self.addHosts(to: fleet)
                let source = await fleet.driver(for: Self.source)
                let destination = await fleet.driver(for: Self.destination)
                return try await withThrowingTaskGroup(of: Double.self) { group in
                    for number in 1...self.guests {
                        let order = self.order(number)
                        try await destination.openIncoming(order.ticket)
                        group.addTask {
                            let began = world.time.now
                            try await source.migrate(order) { _ in }
                            return Double((world.time.now - began).inNanoseconds) / 1e9
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
        }.value
    }

    private func addHosts(to fleet: ModelledFleet) async {
        // Nobody wants for CPU, so that each guest writes as fast as it would.
        let capacity = Resources(cpuMillicores: self.guests * 1_000, memoryMiB: self.guests * self.memoryMiB)
        for (node, guests) in [(Self.source, self.modelledGuests), (Self.destination, [])] {
            await fleet.add(
                ModelledHostSettings(
                    node: node, capacity: capacity, linkMbps: self.linkMbps,
                    downtimeMax: .milliseconds(self.downtimeMaxMilliseconds)),
                running: guests)
        }
    }

    private func order(_ number: Int) -> MigrationOrder {
        let endpoint = ModelledHostSettings.fleetEndpoint(of: Self.destination)
        return MigrationOrder(
            ticket: MigrationTicket(vm: Self.guest(number), source: Self.source, number: UInt64(number)),
            destination: Self.destination, endpoint: endpoint,
            mark: HandoverMark(
                isp: "source#1.1", action: UInt64(number), source: Self.source,
                sourceEndpoint: ModelledHostSettings.fleetEndpoint(of: Self.source), destination: Self.destination),
            limits: MigrationLimits(
                bandwidthMiBPerSecond: self.bandwidthMiBPerSecond, timeLimit: Self.timeLimit, autoConverge: false,
                tls: false))
    }
}
