import Basis
import Deployer

/// A host that hands everything on to another one, but for what whoever conforms says itself.
protocol ForwardingHost: DeployableHost {
    var host: any DeployableHost { get }
}

extension ForwardingHost {
    var id: NodeID { self.host.id }

    func probe(within limit: Duration) async throws(HostFailure) -> HostFacts {
        try await self.host.probe(within: limit)
    }

    func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
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
        _ file: SpreadFile, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        try await self.host.ensure(file, from: sources, within: limit)
    }

    func admit(
        _ reader: ExchangeReader, to file: SpreadFile, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        try await self.host.admit(reader, to: file, within: limit)
    }

    func endSpread(of kind: SpreadKind, within limit: Duration) async throws(HostFailure) {
        try await self.host.endSpread(of: kind, within: limit)
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
