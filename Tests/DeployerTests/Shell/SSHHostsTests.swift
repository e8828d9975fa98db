import Basis
import Deployer
import Settings
import Testing

@Suite("The hosts of a fleet over ssh")
struct SSHHostsTests {
    private func host(address: String, port: Int, user: String = "root") -> FleetHost {
        FleetHost(id: NodeID("h1"), address: address, sshUser: user, sshPort: port)
    }

    private func hosts(_ server: LoopbackSSHD) throws -> SSHHosts {
        let options = try OpenSSHOptions(
            identityFile: "\(server.folder.path)/user-key", knownHostsFile: "\(server.folder.path)/known_hosts",
            connectLimit: LoopbackSSHD.connectLimit)
        return try SSHHosts(options: options, machine: GuestMachine(), time: SystemTimeSource())
    }

    @Test("share one connection between all ports of a host, and tell what it is")
    func probe() async throws {
        let server = try LoopbackSSHD()
        let hosts = try self.hosts(server)
        let target = try server.target()
        let place = self.host(address: target.host, port: target.port, user: target.user)
        try await withThrowingTaskGroup(of: HostFacts.self) { group in
            for deployment in ["a", "a", "b"] {
                let port = hosts.port(of: place, for: deployment)
                group.addTask { try await port.probe(within: .seconds(60)) }
            }
            for try await facts in group {
                #expect(facts.cpus >= 1 && facts.memoryMiB > 0 && !facts.kernel.isEmpty)
                #expect(facts.installed.contains("util-linux") && abs(facts.clockAheadMilliseconds) < 5_000)
            }
        }
        #expect(server.accepted == 1)
        await hosts.close()
    }

    @Test("say what they lack that no retry brings: a way in, or an address that is one")
    func noWayIn() async throws {
        let server = try LoopbackSSHD()
        let hosts = try self.hosts(server)
        try server.vouch(for: "other-key")
        let target = try server.target()
        for place in [
            self.host(address: target.host, port: target.port, user: target.user),
            self.host(address: "-oProxyCommand=x", port: 22),
        ] {
            do throws(HostFailure) {
                _ = try await hosts.port(of: place, for: "a").probe(within: .seconds(60))
                Issue.record("\(place.address) was reached")
            } catch {
                guard case .lacks(let what) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(what.hasPrefix("a way in: ") && !error.canRetryHelp)
            }
        }
        await hosts.close()
    }
}
