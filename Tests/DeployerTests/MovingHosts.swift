import Basis
import Deployer
import Settings
import Synchronization

/// Modelled hosts with an agent that moves one guest to the next host, before hosts are asked for the so-manieth time
/// about guests; and once more ten questions later.
final class MovingHosts: HostDirectory {
    private let hosts: ModelledHosts
    private let guest: String
    private let moments: Set<Int>
    private let questions = Mutex(0)

    init(_ hosts: ModelledHosts, guest: String, at question: Int) {
        self.hosts = hosts
        self.guest = guest
        self.moments = [question, question + 10]
    }

    func digest(ofImage file: String) -> String? { nil }

    func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
        MovingHost(self, self.hosts.port(of: host, for: deployment))
    }

    fileprivate func move() async {
        let number = self.questions.withLock { questions in
            questions += 1
            return questions
        }
        guard self.moments.contains(number) else { return }
        let ids = self.hosts.hosts.keys.sorted().prefix(3)
        for (index, id) in ids.enumerated() {
            guard let moved = await self.hosts.hosts[id]?.giveAway(guest: self.guest) else { continue }
            await self.hosts.hosts[ids[(index + 1) % ids.count]]?.take(moved)
            return
        }
    }
}

private struct MovingHost: ForwardingHost {
    let agent: MovingHosts
    let host: any DeployableHost

    init(_ agent: MovingHosts, _ host: any DeployableHost) {
        self.agent = agent
        self.host = host
    }

    func guests(within limit: Duration) async throws(HostFailure) -> [String] {
        await self.agent.move()
        return try await self.host.guests(within: limit)
    }

    func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        await self.agent.move()
        try await self.host.ensure(guest, within: limit)
    }

    func state(ofGuest name: String, within limit: Duration) async throws(HostFailure) -> GuestState {
        await self.agent.move()
        return try await self.host.state(ofGuest: name, within: limit)
    }

    func isReachable(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) -> Bool {
        await self.agent.move()
        return try await self.host.isReachable(guest, within: limit)
    }
}
