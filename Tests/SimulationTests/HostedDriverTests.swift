import Basis
import Hypervisor
import Placement
import Simulation
import Testing

/// Drivers that share one default actor, as those of a modelled fleet do.
private actor Fleet {
    private let time: VirtualTime
    private(set) var migrated = 0

    init(_ time: VirtualTime) { self.time = time }

    func presence() async -> DomainPresence {
        try? await self.time.sleep(for: .milliseconds(10))
        return .running
    }

    func migrate(_ onProgress: @Sendable (MigrationProgress) -> Void) async throws(HypervisorError) {
        for second in 1...10 {
            do {
                try await self.time.sleep(for: .seconds(1))
            } catch {
                throw .aborted("cancelled after \(second) s")
            }
            onProgress(
                MigrationProgress(elapsed: .seconds(second), sentMiB: second, remainingMiB: 10 - second, round: 1))
        }
        self.migrated += 1
    }
}

private struct FleetDriver: HypervisorDriver {
    let fleet: Fleet

    func describeHost() async throws(HypervisorError) -> HostDescription {
        HostDescription(
            capacity: Resources(cpuMillicores: 1000, memoryMiB: 1024), hypervisor: "test",
            endpoint: MigrationEndpoint(uri: "test"), cpuModel: "")
    }

    func sample() async throws(HypervisorError) -> HostSample { throw .failed("no samples here") }
    func presence(of vm: VMID) async throws(HypervisorError) -> DomainPresence { await self.fleet.presence() }
    func presence(
        of vm: VMID, at host: MigrationEndpoint
    ) async throws(HypervisorError) -> DomainPresence { await self.fleet.presence() }
    func admits(cpuRequirement: String) async throws(HypervisorError) -> String? { nil }
    func openIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {}
    func closeIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {}
    func migrate(
        _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws(HypervisorError) { try await self.fleet.migrate(onProgress) }
    func abortMigration(of vm: VMID) async throws(HypervisorError) {}
    func resume(_ vm: VMID) async throws(HypervisorError) {}
    func discardPausedCopy(of vm: VMID) async throws(HypervisorError) {}
    func setMark(_ mark: HandoverMark?, on vm: VMID) async throws(HypervisorError) {}
    func events() -> AsyncStream<HypervisorEvent> { AsyncStream { $0.finish() } }
}

private let order = MigrationOrder(
    ticket: MigrationTicket(vm: "v", source: "a", number: 1), destination: "b",
    endpoint: MigrationEndpoint(uri: "test"),
    mark: HandoverMark(
        isp: "a#1.1", action: 1, source: "a", sourceEndpoint: MigrationEndpoint(uri: "test"), destination: "b"),
    limits: MigrationLimits(bandwidthMiBPerSecond: 0, timeLimit: .seconds(60), autoConverge: false, tls: false))

@Suite("A hosted driver")
struct HostedDriverTests {
    @Test("goes on with a migration whose agent crashes or pauses", arguments: Seeds.chosen(1...10))
    func outlivesAgent(seed: UInt64) async throws {
        try await World.run(seed: seed) { world in
            let (host, agent, other) = (
                world.makeProcess("host"), world.makeProcess("agent"), world.makeProcess("other")
            )
            let fleet = Fleet(world.time)
            let driver = HostedDriver(FleetDriver(fleet: fleet), in: host, for: agent)
            let told = Log()
            agent.start {
                try? await driver.migrate(order) { progress in
                    Task { await told.add("\(progress.sentMiB)") }
                }
                Issue.record("went on after its crash, seed \(seed)")
            }
            try await world.time.sleep(for: .seconds(2.5))
            agent.pause()
            try await world.time.sleep(for: .seconds(3))
            agent.crash()
            let others = HostedDriver(FleetDriver(fleet: fleet), in: host, for: other)
            let presence = try await other.run { try await others.presence(of: "v") }
            try await world.time.sleep(for: .seconds(6))
            #expect(presence == .running)
            #expect(await fleet.migrated == 1)
            #expect(await told.lines == ["1", "2"])
        }
    }

    @Test("passes on errors and cancellation, and says when its host has crashed")
    func errors() async throws {
        try await World.run(seed: 1) { world in
            let (host, agent) = (world.makeProcess("host"), world.makeProcess("agent"))
            let driver = HostedDriver(FleetDriver(fleet: Fleet(world.time)), in: host, for: agent)
            await #expect(throws: HypervisorError.failed("no samples here")) {
                try await agent.run { try await driver.sample() }
            }
            let migration = Task { try await agent.run { try await driver.migrate(order) { _ in } } }
            try await world.time.sleep(for: .seconds(3.5))
            migration.cancel()
            await #expect(throws: HypervisorError.aborted("cancelled after 4 s")) { try await migration.value }
            #expect(world.now == .zero + .seconds(3.5))
            host.crash()
            await #expect(throws: HypervisorError.self) { try await agent.run { try await driver.describeHost() } }
        }
    }
}
