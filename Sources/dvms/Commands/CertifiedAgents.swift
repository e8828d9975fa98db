import Basis
import Certificates
import Deployer
import Foundation
import Settings

/// The agents of a fleet, with certificates from an authority of the fleet's own, which lies with its records.
struct CertifiedAgents: AgentSource {
    private let fleet: FleetSettings
    private let agents: FleetAgents
    private let program: AgentProgram
    /// The text of the file with more settings; empty without.
    private let more: String
    private let folder: String
    private let authority: CertificateAuthority

    /// - Parameters:
    ///   - folder: of the records.
    ///   - isModelled: for hosts in memory, which run no program: none has to be there.
    /// - Throws: when dvmsd or its settings cannot be used, before any host is touched.
    init?(_ fleet: FleetSettings, in folder: StateFolder, isModelled: Bool) throws(OperatorFailure) {
        guard let agents = fleet.agents else { return nil }
        self.fleet = fleet
        self.agents = agents
        do throws(HostShellFailure) {
            self.program =
                isModelled
                ? AgentProgram(file: agents.program, sha256: "") : try AgentProgram(reading: agents.program)
        } catch {
            throw OperatorFailure(.badInput, "the dvmsd for hosts cannot be used: \(error)")
        }
        do {
            self.more = try agents.settings.map(FileText.read) ?? ""
        } catch {
            throw OperatorFailure(.badInput, "\(agents.settings ?? ""): \(error)")
        }
        try Self.check(fleet, agents, self.more)
        self.folder = Self.folder(of: fleet.name, in: folder)
        do throws(CertificateAuthorityError) {
            // The key is written first, and certificates are issued once both files are there: a key without any is the
            // rest of a run that was ended in between, and has signed nothing.
            self.authority =
                Self.hasCertificates(self.folder)
                ? try CertificateAuthority.load(from: self.folder)
                : try CertificateAuthority.create(in: self.folder, cluster: fleet.name, overwrite: true)
        } catch {
            throw OperatorFailure(.failed, "certificates of the fleet's agents: \(error)")
        }
    }

    /// In place of those that a batch system is yet to give.
    private static let inventedHosts = [
        FleetHost(id: "host-1", address: "host-1"), FleetHost(id: "host-2", address: "host-2"),
    ]

    /// Reads the config as dvmsd will, as if all hosts of the inventory were in the ring.
    private static func check(_ fleet: FleetSettings, _ agents: FleetAgents, _ more: String) throws(OperatorFailure) {
        let hosts = fleet.booking.provider == .inventory ? fleet.inventory : Self.inventedHosts
        guard hosts.count >= AgentConfig.hostsMin, let first = hosts.first else { return }
        let text = AgentConfig(
            of: fleet, agents, on: hosts, folder: ShellHost.folder(of: fleet.name), more: more
        ).text
        do {
            _ = try NodeSettings.read(file: "dvmsd.yaml", node: first.id) { _ in text }
        } catch {
            throw OperatorFailure(
                .badInput,
                "dvmsd would not take its config; look at agents in the fleet's file"
                    + (agents.settings.map { " and at \($0), which is the end of it" } ?? "") + "\n\(error)")
        }
    }

    private static func folder(of fleet: String, in folder: StateFolder) -> String { "\(folder.path)/agents/\(fleet)" }

    /// The authority's own, or any that it issued.
    private static func hasCertificates(_ folder: String) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains { $0.hasSuffix(".pem") }
    }

    /// The folder where keys of the fleet's agents lie; nil: there are none.
    static func keys(of fleet: String, in folder: StateFolder) -> String? {
        let path = Self.folder(of: fleet, in: folder)
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// The authority and all keys go with the fleet.
    static func forget(_ fleet: String, in folder: StateFolder) {
        try? FileManager.default.removeItem(atPath: Self.folder(of: fleet, in: folder))
    }

    func config(of hosts: [FleetHost]) -> String {
        AgentConfig(
            of: self.fleet, self.agents, on: hosts, folder: ShellHost.folder(of: self.fleet.name), more: self.more
        ).text
    }

    func agent(of host: FleetHost, with config: String) throws(HostFailure) -> AgentInstallation {
        do throws(CertificateAuthorityError) {
            return AgentInstallation(
                node: host.id, program: self.program, config: config, credentials: try self.credentials(of: host),
                libvirtAddress: self.agents.migrationURI == nil ? host.address : nil)
        } catch {
            throw .lacks(what: "a certificate for its dvmsd: \(error)")
        }
    }

    private func credentials(of host: FleetHost) throws(CertificateAuthorityError) -> AgentCredentials {
        let certificate = try self.authority.kept(node: host.id.name, alsoFor: [host.address], in: self.folder)
        return AgentCredentials(
            authority: try self.authority.certificatePEM(), certificate: certificate.certificatePEM,
            key: certificate.keyPEM)
    }
}
