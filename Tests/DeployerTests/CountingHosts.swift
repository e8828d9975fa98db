import Basis
import Deployer
import Settings
import Synchronization

/// Modelled hosts, with a count of how many are made ready and how many guests are defined at the same time.
final class CountingHosts: HostDirectory {
    struct Peaks: Hashable, Sendable {
        var preparing = 0
        var booting = 0
        var bootingOnOneHost = 0
    }

    private struct State {
        var preparing: Set<NodeID> = []
        var booting: [NodeID: Int] = [:]
        var peaks = Peaks()
    }

    private let hosts: ModelledHosts
    private let state = Mutex(State())

    init(_ hosts: ModelledHosts) { self.hosts = hosts }

    var peaks: Peaks { self.state.withLock(\.peaks) }

    func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
        CountingHost(self, self.hosts.port(of: host, for: deployment))
    }

    fileprivate func prepare(_ id: NodeID, _ isBeginning: Bool) {
        self.state.withLock { state in
            if isBeginning { state.preparing.insert(id) } else { state.preparing.remove(id) }
            state.peaks.preparing = max(state.peaks.preparing, state.preparing.count)
        }
    }

    fileprivate func boot(_ id: NodeID, _ change: Int) {
        self.state.withLock { state in
            state.booting[id, default: 0] += change
            state.peaks.booting = max(state.peaks.booting, state.booting.values.reduce(0, +))
            state.peaks.bootingOnOneHost = max(state.peaks.bootingOnOneHost, state.booting[id] ?? 0)
        }
    }
}

private struct CountingHost: DeployableHost {
    let counts: CountingHosts
    let host: any DeployableHost

    init(_ counts: CountingHosts, _ host: any DeployableHost) {
        self.counts = counts
        self.host = host
    }

    var id: NodeID { self.host.id }

    func probe(within limit: Duration) async throws(HostFailure) -> HostFacts {
        try await self.host.probe(within: limit)
    }

    func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        self.counts.prepare(self.id, true)
        defer { self.counts.prepare(self.id, false) }
        try await self.host.perform(step, within: limit)
    }

    func undo(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        try await self.host.undo(step, within: limit)
    }

    func ensure(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try await self.host.ensure(network, within: limit)
    }

    func serve(
        _ names: [GuestName], in network: HostNetwork, within limit: Duration
    ) async throws(HostFailure) {
        try await self.host.serve(names, in: network, within: limit)
    }

    func remove(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try await self.host.remove(network, within: limit)
    }

    func ensure(
        _ image: ImageReference, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        try await self.host.ensure(image, from: sources, within: limit)
    }

    func admit(
        _ reader: ExchangeReader, to image: ImageReference, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        try await self.host.admit(reader, to: image, within: limit)
    }

    func endSpread(within limit: Duration) async throws(HostFailure) {
        try await self.host.endSpread(within: limit)
    }

    func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure) {
        try await self.host.remove(image, within: limit)
    }

    func ensure(_ agent: AgentInstallation, within limit: Duration) async throws(HostFailure) {
        try await self.host.ensure(agent, within: limit)
    }

    func removeAgent(within limit: Duration) async throws(HostFailure) {
        try await self.host.removeAgent(within: limit)
    }

    func guests(within limit: Duration) async throws(HostFailure) -> [String] {
        try await self.host.guests(within: limit)
    }

    func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        self.counts.boot(self.id, 1)
        defer { self.counts.boot(self.id, -1) }
        try await self.host.ensure(guest, within: limit)
    }

    func state(ofGuest name: String, within limit: Duration) async throws(HostFailure) -> GuestState {
        try await self.host.state(ofGuest: name, within: limit)
    }

    func isReachable(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) -> Bool {
        try await self.host.isReachable(guest, within: limit)
    }

    func restart(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        try await self.host.restart(guest, within: limit)
    }

    func removeGuest(named name: String, within limit: Duration) async throws(HostFailure) {
        try await self.host.removeGuest(named: name, within: limit)
    }
}
