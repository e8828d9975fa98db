package import Basis
package import Settings
import Synchronization

/// The hosts of a fleet over ssh, each with one shared connection that lasts while it is used.
package final class SSHHosts: HostDirectory {
    private let options: OpenSSHOptions
    private let machine: GuestMachine
    private let authorizedKeys: [String]
    private let time: any TimeSource
    private let folder: ControlFolder
    private let manifests = FileManifests()
    /// One for each target: two would make two connections at once.
    private let shells = Mutex<[SSHTarget: OpenSSHShell]>([:])

    /// - Parameters:
    ///   - machine: how guests are run, on all hosts alike.
    ///   - authorizedKeys: lines of an `authorized_keys` file for the guests.
    /// - Throws: ``HostShellFailure/couldNotStart(detail:)`` when there is no place for the connections' sockets.
    package init(
        options: OpenSSHOptions, machine: GuestMachine, authorizedKeys: [String] = [], time: any TimeSource
    ) throws(HostShellFailure) {
        self.options = options
        self.machine = machine
        self.authorizedKeys = authorizedKeys
        self.time = time
        self.folder = try ControlFolder()
    }

    /// The port of `host` that acts for `deployment`. A host whose address is none says so when it is asked.
    package func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
        self.shellHost(host, for: deployment)
    }

    package func digest(ofImage file: String) async throws(HostShellFailure) -> String? {
        try await self.manifests.manifest(of: file).digest
    }

    func shellHost(_ host: FleetHost, for deployment: String) -> ShellHost {
        let target = try? SSHTarget(host: host.address, user: host.sshUser, port: host.sshPort)
        return ShellHost(
            id: host.id, shell: self.shell(of: host), deployment: deployment, machine: self.machine,
            authorizedKeys: self.authorizedKeys,
            access: SpreadAccess(
                manifests: self.manifests,
                entrance: target.map {
                    FileExchange.Entrance(target: $0, knownHostsFile: self.options.knownHostsFile)
                }))
    }

    private func shell(of host: FleetHost) -> any HostShell {
        do throws(InvalidSSHTarget) {
            let target = try SSHTarget(host: host.address, user: host.sshUser, port: host.sshPort)
            return self.shells.withLock { shells in
                if let shell = shells[target] { return shell }
                let shell = OpenSSHShell(
                    to: target, options: self.options, sharing: .master(self.folder), time: self.time)
                shells[target] = shell
                return shell
            }
        } catch {
            return RefusingShell(time: self.time, failure: .couldNotStart(detail: error.description))
        }
    }

    /// Ends all connections. No port is used any more.
    package func close() async {
        let shells = self.shells.withLock { Array($0.values) }
        await withTaskGroup(of: Void.self) { group in
            for shell in shells { group.addTask { await shell.close() } }
        }
        self.folder.remove()
    }
}

/// The shell of a host that cannot be reached in principle.
private struct RefusingShell: HostShell {
    let time: any TimeSource
    let failure: HostShellFailure

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult { throw self.failure }
}
