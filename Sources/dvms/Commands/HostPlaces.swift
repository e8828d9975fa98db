import ArgumentParser
import Basis
import Deployer
import Foundation
import Settings

/// A host that something is done on.
struct HostPlace {
    /// As it is shown.
    var name: String
    var target: SSHTarget
    var site: String
}

/// Which hosts, by a node set or by a fleet's file.
struct HostSelection: ParsableArguments {
    @Option(help: ArgumentHelp("Which hosts, as in node[1-3,7],login.", valueName: "nodeset"), transform: Self.nodeSet)
    var hosts: NodeSet?

    @Option(help: ArgumentHelp("All hosts of a fleet's inventory, as its file says to reach them.", valueName: "file"))
    var fleet: String?

    private static func nodeSet(_ text: String) throws -> NodeSet {
        do throws(NodeSetProblem) {
            return try NodeSet(text)
        } catch {
            throw ValidationError("--hosts \(error)")
        }
    }

    func validate() throws {
        guard (self.hosts == nil) != (self.fleet == nil) else {
            throw ValidationError("either --hosts or --fleet says which hosts")
        }
    }

    func places(_ connection: ConnectionOptions) throws(OperatorFailure) -> [HostPlace] {
        do {
            let user = connection.user
            if let fleet = self.fleet {
                let listed = try FleetSettings.read(file: fleet, contentsOf: FileText.read).inventory
                guard !listed.isEmpty else { throw OperatorFailure(.badInput, "\(fleet) lists no hosts; use --hosts") }
                return try listed.map { host in
                    let target = try SSHTarget(
                        host: host.address, user: user ?? host.sshUser, port: connection.port ?? host.sshPort)
                    return HostPlace(name: host.id.description, target: target, site: host.site)
                }
            }
            return try (self.hosts?.names ?? []).map { name in
                let target = try SSHTarget(
                    host: name, user: user ?? NSUserName(), port: connection.port ?? SSHTarget.portByDefault)
                return HostPlace(name: name, target: target, site: Self.domain(of: name))
            }
        } catch let failure as OperatorFailure {
            throw failure
        } catch {
            throw OperatorFailure(.badInput, "\(error)")
        }
    }

    /// What follows the first dot of a name: hosts of one domain are taken to be near each other. An address has none.
    private static func domain(of host: String) -> String {
        guard IPv4Address(host) == nil else { return "" }
        return String(host.drop { $0 != "." }.dropFirst())
    }
}
