import Basis
package import Deployer
import Foundation
package import Settings

/// A fleet in files that other programs read.
package struct DeploymentFiles {
    /// What an operator logs in to guests as, where nothing else is said.
    private static let guestUser = "root"

    /// By name.
    package let files: [(name: String, text: String)]

    package init(_ report: DeploymentReport, _ fleet: FleetSettings) {
        let hosts = report.hosts.filter { $0.role == .worker && $0.state.isReady }
        let guests = report.guests.filter { $0.stage == .running }
        var files = [
            ("hosts.csv", Self.hostsCSV(report.hosts)), ("vms.csv", Self.guestsCSV(report.guests, fleet)),
            ("inventory.ini", Self.ansible(hosts, guests)), ("ssh_config", Self.ssh(hosts, guests, fleet)),
        ]
        if hosts.count >= AgentConfig.hostsMin {
            // Of a fleet that brings its agents they have their config already.
            let config = AgentConfig(
                cluster: fleet.name, hosts: hosts.map(\.host), port: fleet.agents?.port ?? AgentConfig.portStandard,
                tlsFolder: "/etc/dvms/tls")
            if fleet.agents == nil { files.append(("dvmsd.yaml", config.text)) }
        }
        self.files = files
    }

    func write(to path: String) throws(OperatorFailure) {
        let folder = URL(fileURLWithPath: path, isDirectory: true)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for file in self.files { try Data(file.text.utf8).write(to: folder.appending(path: file.name)) }
        } catch {
            throw OperatorFailure(.failed, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    private static func lines(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

    private static func hostsCSV(_ hosts: [HostRecord]) -> String {
        self.lines(
            ["id,address,ssh_user,ssh_port,site,cluster,role,state"]
                + hosts.map { record in
                    let host = record.host
                    return [
                        host.id.name, host.address, host.sshUser, "\(host.sshPort)", self.cell(host.site),
                        self.cell(host.cluster), record.role.rawValue, record.state.text,
                    ].joined(separator: ",")
                })
    }

    private static func guestsCSV(_ guests: [GuestRecord], _ fleet: FleetSettings) -> String {
        self.lines(
            ["name,fqdn,host,stage,address,mac,template,vcpus,memory_mib,disk_gib"]
                + guests.map { guest in
                    let (identity, template) = (guest.identity, guest.template)
                    return [
                        identity.name, "\(identity.name).\(fleet.network.domain)", guest.host?.name ?? "",
                        guest.stage.rawValue, identity.address.description, identity.mac.description,
                        self.cell(template.name), "\(template.vcpus)", "\(template.memoryMiB)", "\(template.diskGiB)",
                    ].joined(separator: ",")
                })
    }

    /// RFC 4180 §2: a cell in quotes may hold anything, a quote of its own doubled.
    private static func cell(_ text: String) -> String {
        text.contains { ",\"\n\r".contains($0) } ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }

    private static func ansible(_ hosts: [HostRecord], _ guests: [GuestRecord]) -> String {
        self.lines(
            ["[hosts]"]
                + hosts.map { record in
                    "\(record.host.id) ansible_host=\(record.host.address) ansible_user=\(record.host.sshUser) "
                        + "ansible_port=\(record.host.sshPort)"
                } + ["", "[vms]"]
                + guests.map { guest in
                    "\(guest.identity.name) ansible_host=\(guest.identity.address) ansible_user=\(self.guestUser)"
                        + (guest.host.map { " dvms_host=\($0)" } ?? "")
                })
    }

    private static func ssh(_ hosts: [HostRecord], _ guests: [GuestRecord], _ fleet: FleetSettings) -> String {
        self.lines(
            hosts.flatMap { record in
                [
                    "Host \(record.host.id)", "    HostName \(record.host.address)", "    User \(record.host.sshUser)",
                    "    Port \(record.host.sshPort)",
                ]
            }
                + guests.flatMap { guest in
                    [
                        "Host \(guest.identity.name) \(guest.identity.name).\(fleet.network.domain)",
                        "    HostName \(guest.identity.address)", "    User \(self.guestUser)",
                    ] + (guest.host.map { ["    ProxyJump \($0)"] } ?? [])
                })
    }
}
