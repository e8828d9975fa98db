import Basis
import Crypto
import Settings

/// dvmsd on a real host: a program, a config and a certificate in the deployment's folder, and a service of systemd's
/// where that runs.
extension ShellHost {
    var agentFolder: String { "\(self.folder)/agent" }
    private var pkiFolder: String { "\(self.folder)/\(AgentConfig.pkiName)" }
    private var unit: String { "dvmsd-\(self.deployment)" }

    package func ensure(_ agent: AgentInstallation, within limit: Duration) async throws(HostFailure) {
        let step = "installing dvmsd"
        let began = self.shell.time.now
        func left() -> Duration { max(limit - (self.shell.time.now - began), .seconds(1)) }
        let (node, tls) = (agent.node.name, "\(self.agentFolder)/tls")
        let files = [
            ("\(self.agentFolder)/dvmsd.yaml", agent.config), ("\(tls)/ca.pem", agent.credentials.authority),
            ("\(tls)/\(node).pem", agent.credentials.certificate), ("\(tls)/\(node).key", agent.credentials.key),
        ]
        for (path, text) in files {
            try await self.run(step, AgentScripts.write, [path], input: .bytes(Array(text.utf8)), within: left())
        }
        try await self.connectLibvirt(as: agent, within: left())
        try await self.run(
            "starting dvmsd", AgentScripts.start, [self.agentFolder, self.unit, node, agent.stamp, self.deployment],
            within: left())
    }

    /// Has other hosts' libvirts reach this one's as the agent's config says, or no more.
    private func connectLibvirt(as agent: AgentInstallation, within limit: Duration) async throws(HostFailure) {
        guard let address = agent.libvirtAddress else { return try await self.disconnectLibvirt(within: limit) }
        try await self.run(
            "having libvirt listen", MigrationScripts.listen,
            [
                self.pkiFolder, self.deployment, NodeAddress.bracketed(address), "\(self.agentFolder)/tls",
                agent.node.name,
            ], within: limit)
    }

    private func disconnectLibvirt(within limit: Duration) async throws(HostFailure) {
        try await self.run(
            "having libvirt listen no more", MigrationScripts.stopListening, [self.pkiFolder, self.deployment],
            within: limit)
    }

    package func removeAgent(within limit: Duration) async throws(HostFailure) {
        // First what moves guests, whatever keeps keys from being taken back.
        try await self.run("removing dvmsd", AgentScripts.remove, [self.agentFolder, self.unit], within: limit)
        try await self.disconnectLibvirt(within: limit)
        try await self.endSpread(of: .agentProgram, within: limit)
    }
}

extension AgentProgram {
    /// Reads `file` for its sum.
    package init(reading file: String) throws(HostShellFailure) {
        self.init(file: file, sha256: try LocalFile.digest(of: file))
    }
}

extension AgentInstallation {
    /// Changes with whatever dvmsd would have to be started anew for, in hexadecimal.
    fileprivate var stamp: String {
        let parts = [
            self.node.name, self.program.sha256, self.config, self.credentials.authority, self.credentials.certificate,
        ]
        return Hexadecimal.text(SHA256.hash(data: Array(parts.joined(separator: "\0").utf8)))
    }
}
