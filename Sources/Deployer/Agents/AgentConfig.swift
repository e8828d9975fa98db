import Basis
package import Settings

/// The config of the daemons that look after a fleet: one file for all its hosts.
package struct AgentConfig: Hashable, Sendable {
    /// Where dvmsd listens on hosts, unless the fleet's file says otherwise.
    package static let portStandard = 7_400
    /// A ring of one has nobody to borrow from.
    package static let hostsMin = 2
    /// In the deployment's folder on a host: certificates by which hosts' libvirts know each other, unless the fleet's file
    /// says how they are reached.
    static let pkiName = "pki"

    package var text: String

    /// - Parameters:
    ///   - hosts: at least ``hostsMin``.
    ///   - port: of all of them.
    ///   - tlsFolder: on hosts, with `ca.pem`, and for each node its certificate and its key.
    ///   - more: further keys, each a line or several.
    package init(cluster: String, hosts: [FleetHost], port: Int, tlsFolder: String, more: [String] = []) {
        let head = ["# For dvmsd on each host of the deployment \(cluster): dvmsd --config dvmsd.yaml --node ID"]
        let ring = ["cluster: \(cluster)", "ring:", "  nodes:"] + hosts.map { Self.entry($0, port) }
        let tls = [
            "tls:", "  ca: \(Self.quoted("\(tlsFolder)/ca.pem"))",
            "  certificate: \(Self.quoted("\(tlsFolder)/{node}.pem"))",
            "  key: \(Self.quoted("\(tlsFolder)/{node}.key"))",
        ]
        self.text = (head + ring + tls + more).joined(separator: "\n") + "\n"
    }

    private static func entry(_ host: FleetHost, _ port: Int) -> String {
        let place = [("site", host.site), ("rack", host.cluster)].filter { !$0.1.isEmpty }
        let address = "\(NodeAddress.bracketed(host.address)):\(port)"
        var entry = "    - {id: \(Self.quoted(host.id.name)), address: \(Self.quoted(address))"
        entry += place.map { ", \($0.0): \(Self.quoted($0.1))" }.joined()
        if let cpus = host.cpus, let memory = host.memoryMiB {
            entry += ", capacity: {cpu: \(cpus), memory: \(memory)MiB}"
        }
        return entry + "}"
    }

    /// A text of YAML in double quotes.
    package static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}

extension AgentConfig {
    /// As the agents of a deployment get it.
    ///
    /// - Parameters:
    ///   - folder: of the deployment on its hosts.
    ///   - more: the text of the file that the fleet names as `settings`; empty without.
    package init(of fleet: FleetSettings, _ agents: FleetAgents, on hosts: [FleetHost], folder: String, more: String) {
        let migrationURI = agents.migrationURI ?? "qemu+tls://{host}/system?pkipath=\(folder)/\(Self.pkiName)"
        self.init(
            cluster: fleet.name, hosts: hosts, port: agents.port, tlsFolder: "\(folder)/agent/tls",
            more: [
                "state_dir: \(Self.quoted("\(folder)/agent/state"))", "mode: \(agents.mode)", "hypervisor:",
                "  libvirt:", "    migration_uri: \(Self.quoted(migrationURI))",
                "    copied_storage: [\(Self.quoted("\(folder)/disks"))]",
            ] + (more.isEmpty ? [] : [more]))
    }
}
