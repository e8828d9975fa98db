import Basis
package import Deployer
import Foundation
package import Settings

/// A fleet in files that other programs read.
package struct DeploymentFiles {
    /// What an operator logs in to guests as, where nothing else is said.
    private static let guestUser = "root"
    /// Where dvmsd listens on hosts, unless their file says otherwise.
    private static let agentPort = 7_400

    /// By name.
    package let files: [(name: String, text: String)]

    package init(_ report: DeploymentReport, _ fleet: FleetSettings) {
        let hosts = report.hosts.filter { $0.role == .worker && $0.state == .ready }
        let guests = report.guests.filter { $0.stage == .running }
        var files = [
            ("hosts.csv", Self.hostsCSV(report.hosts)), ("vms.csv", Self.guestsCSV(report.guests, fleet)),
            ("inventory.ini", Self.ansible(hosts, guests)), ("ssh_config", Self.ssh(hosts, guests, fleet)),
        ]
        // A ring of one has nobody to borrow from.
        if hosts.count > 1 { files.append(("dvmsd.yaml", Self.ring(hosts, fleet))) }
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

    /// The config of the daemons that look after the fleet: one file for all hosts, which `dvms cert` completes.
    private static func ring(_ hosts: [HostRecord], _ fleet: FleetSettings) -> String {
        self.lines(
            [
                "# For dvmsd on each host of the deployment \(fleet.name): dvmsd --config dvmsd.yaml --node ID",
                "cluster: \(fleet.name)", "ring:", "  nodes:",
            ]
                + hosts.map { record in
                    let host = record.host
                    let address = host.address.contains(":") ? "[\(host.address)]" : host.address
                    let place = [("site", host.site), ("rack", host.cluster)].filter { !$0.1.isEmpty }
                    return "    - {id: \(self.quoted(host.id.name)), address: \"\(address):\(self.agentPort)\""
                        + place.map { ", \($0.0): \(self.quoted($0.1))" }.joined() + "}"
                } + [
                    "tls:", "  ca: /etc/dvms/tls/ca.pem", "  certificate: \"/etc/dvms/tls/{node}.pem\"",
                    "  key: \"/etc/dvms/tls/{node}.key\"",
                ])
    }

    /// A text of YAML in double quotes.
    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
