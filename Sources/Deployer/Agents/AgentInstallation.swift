package import Basis
package import Settings

/// dvmsd as one host is to have it.
package struct AgentInstallation: Hashable, Sendable {
    package var node: NodeID
    package var program: AgentProgram
    /// The text of dvmsd's config, the same on all hosts of the ring.
    package var config: String
    package var credentials: AgentCredentials
    /// The name or address under which other hosts' libvirts are to reach this one's over TLS, one for which the
    /// certificate is valid; nil: libvirt is left as it is.
    package var libvirtAddress: String?

    package init(
        node: NodeID, program: AgentProgram, config: String, credentials: AgentCredentials,
        libvirtAddress: String? = nil
    ) {
        self.node = node
        self.program = program
        self.config = config
        self.credentials = credentials
        self.libvirtAddress = libvirtAddress
    }
}

/// A file on the deployer's machine that runs on hosts.
package struct AgentProgram: Hashable, Sendable {
    package var file: String
    /// In hexadecimal, lower case.
    package var sha256: String

    package init(file: String, sha256: String) {
        self.file = file
        self.sha256 = sha256
    }
}

/// What an agent shows to its peers, and by what it knows them; all PEM.
package struct AgentCredentials: Hashable, Sendable {
    package var authority: String
    package var certificate: String
    package var key: String

    package init(authority: String, certificate: String, key: String) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

/// Gives each host its agent.
package protocol AgentSource: Sendable {
    /// The config of all agents of a ring of `hosts`.
    func config(of hosts: [FleetHost]) -> String

    /// The agent of `host`, one of those that `config` was made for.
    ///
    /// - Throws: ``HostFailure/lacks(what:)`` when there is no certificate for it.
    func agent(of host: FleetHost, with config: String) throws(HostFailure) -> AgentInstallation
}
