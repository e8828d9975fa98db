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

    func digest(ofImage file: String) -> String? { nil }

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

private struct CountingHost: ForwardingHost {
    let counts: CountingHosts
    let host: any DeployableHost

    init(_ counts: CountingHosts, _ host: any DeployableHost) {
        self.counts = counts
        self.host = host
    }

    func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        self.counts.prepare(self.id, true)
        defer { self.counts.prepare(self.id, false) }
        try await self.host.perform(step, within: limit)
    }

    func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        self.counts.boot(self.id, 1)
        defer { self.counts.boot(self.id, -1) }
        try await self.host.ensure(guest, within: limit)
    }
}
