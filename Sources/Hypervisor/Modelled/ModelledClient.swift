package import Basis
package import Placement

/// A driver of a modelled host: the port, and what an operator of such a host can do besides.
///
/// All but migrations and the other host's presence is one question and one answer.
package protocol ModelledClient: HypervisorDriver {
    /// Asks the host. `migrate` is not asked this way.
    ///
    /// - Returns: anything but ``ModelledReply/failure(_:)``, which is thrown.
    func ask(_ request: ModelledRequest) async throws(HypervisorError) -> ModelledReply

    /// The clock of whoever uses the driver; samples are stamped with it.
    var time: any TimeSource { get }
}

extension ModelledClient {
    package func describeHost() async throws(HypervisorError) -> HostDescription {
        guard case .host(let description) = try await self.ask(.describeHost) else { throw Self.misunderstanding }
        return description
    }

    package func sample() async throws(HypervisorError) -> HostSample {
        guard case .sample(let domains) = try await self.ask(.sample) else { throw Self.misunderstanding }
        return HostSample(takenAt: self.time.now, domains: domains)
    }

    package func presence(of vm: VMID) async throws(HypervisorError) -> DomainPresence {
        guard case .presence(let presence) = try await self.ask(.presence(vm)) else { throw Self.misunderstanding }
        return presence
    }

    package func admits(cpuRequirement: String) async throws(HypervisorError) -> String? {
        let host = try await self.describeHost()
        guard !cpuRequirement.isEmpty, cpuRequirement != host.cpuModel else { return nil }
        return "the guest needs a CPU \(cpuRequirement), this host has \(host.cpuModel)"
    }

    package func openIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
        try await self.tell(.openIncoming(ticket))
    }

    package func closeIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
        try await self.tell(.closeIncoming(ticket))
    }

    package func abortMigration(of vm: VMID) async throws(HypervisorError) {
        try await self.tell(.abortMigration(vm))
    }

    package func resume(_ vm: VMID) async throws(HypervisorError) {
        try await self.tell(.resume(vm))
    }

    package func discardPausedCopy(of vm: VMID) async throws(HypervisorError) {
        try await self.tell(.discardPausedCopy(vm))
    }

    package func setMark(_ mark: HandoverMark?, on vm: VMID) async throws(HypervisorError) {
        try await self.tell(.setMark(mark, vm))
    }

    // What only the operator of a modelled host can do.

    package func listDomains() async throws(HypervisorError) -> [ModelledDomainListing] {
        guard case .domains(let domains) = try await self.ask(.listDomains) else { throw Self.misunderstanding }
        return domains
    }

    /// Sets what a guest wants from now on, in millicores, and how fast it writes to memory; nil leaves that as it is.
    package func setDemand(
        of vm: VMID, cpuMillicores: Int, dirtyMiBPerSecond: Int? = nil
    ) async throws(HypervisorError) {
        try await self.tell(.setDemand(vm, cpuMillicores: cpuMillicores, dirtyMiBPerSecond: dirtyMiBPerSecond))
    }

    /// Sets what a guest wants besides its CPUs from now on.
    package func setRates(of vm: VMID, _ rates: ModelledRates) async throws(HypervisorError) {
        try await self.tell(.setRates(vm, rates))
    }

    /// Starts a new guest, or one that is shut off.
    package func boot(_ guest: ModelledGuest) async throws(HypervisorError) {
        try await self.tell(.boot(guest))
    }

    /// Pauses a running guest as an operator does, or ends such a pause.
    package func setPaused(_ isPaused: Bool, _ vm: VMID) async throws(HypervisorError) {
        try await self.tell(.setPaused(vm, isPaused))
    }

    /// Sets what goes wrong from now on, in place of what went wrong before.
    package func setFaults(_ faults: ModelledFaults) async throws(HypervisorError) {
        try await self.tell(.setFaults(faults))
    }

    private func tell(_ request: ModelledRequest) async throws(HypervisorError) {
        guard case .done = try await self.ask(request) else { throw Self.misunderstanding }
    }

    private static var misunderstanding: HypervisorError { .failed("the host answered something else") }
}
