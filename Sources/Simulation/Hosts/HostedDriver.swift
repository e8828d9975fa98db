package import Hypervisor
package import Placement

/// A hypervisor driver whose work is done in a process other than the agent's, as libvirtd's is.
///
/// The agent only waits: when it crashes or is paused, a migration that it ordered goes on, and a modelled fleet that
/// several agents share as one actor never stops with any of them. Calls of a crashed hypervisor end as
/// ``HypervisorError/unreachable(_:)``, calls of a paused one wait.
package struct HostedDriver: HypervisorDriver {
    private let driver: any HypervisorDriver
    private let host: SimulatedProcess
    private let agent: SimulatedProcess

    /// - Parameters:
    ///   - driver: what does the work.
    ///   - host: the process it is done in. Drivers that share an actor must share this process as well.
    ///   - agent: the process that calls; it is told of progress only while it runs.
    package init(_ driver: any HypervisorDriver, in host: SimulatedProcess, for agent: SimulatedProcess) {
        self.driver = driver
        self.host = host
        self.agent = agent
    }

    private func call<Value: Sendable>(
        _ work: @escaping @Sendable (any HypervisorDriver) async throws -> Value
    ) async throws(HypervisorError) -> Value {
        do {
            return try await self.host.run { try await work(self.driver) }
        } catch let error as HypervisorError {
            throw error
        } catch {
            throw .unreachable("\(self.host.name): \(error)")
        }
    }

    package func describeHost() async throws(HypervisorError) -> HostDescription {
        try await self.call { try await $0.describeHost() }
    }

    package func sample() async throws(HypervisorError) -> HostSample {
        try await self.call { try await $0.sample() }
    }

    package func presence(of vm: VMID) async throws(HypervisorError) -> DomainPresence {
        try await self.call { try await $0.presence(of: vm) }
    }

    package func presence(
        of vm: VMID, at host: MigrationEndpoint
    ) async throws(HypervisorError) -> DomainPresence {
        try await self.call { try await $0.presence(of: vm, at: host) }
    }

    package func admits(cpuRequirement: String) async throws(HypervisorError) -> String? {
        try await self.call { try await $0.admits(cpuRequirement: cpuRequirement) }
    }

    package func openIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
        try await self.call { try await $0.openIncoming(ticket) }
    }

    package func closeIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
        try await self.call { try await $0.closeIncoming(ticket) }
    }

    package func migrate(
        _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws(HypervisorError) {
        try await self.call { driver in
            try await driver.migrate(order) { progress in
                if self.agent.state == .running { onProgress(progress) }
            }
        }
    }

    package func abortMigration(of vm: VMID) async throws(HypervisorError) {
        try await self.call { try await $0.abortMigration(of: vm) }
    }

    package func resume(_ vm: VMID) async throws(HypervisorError) {
        try await self.call { try await $0.resume(vm) }
    }

    package func discardPausedCopy(of vm: VMID) async throws(HypervisorError) {
        try await self.call { try await $0.discardPausedCopy(of: vm) }
    }

    package func setMark(_ mark: HandoverMark?, on vm: VMID) async throws(HypervisorError) {
        try await self.call { try await $0.setMark(mark, on: vm) }
    }

    package func events() -> AsyncStream<HypervisorEvent> { self.driver.events() }
}
