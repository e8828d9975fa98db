package import Basis

/// Makes the hosts of a deployment.
package enum DeployableHosts {
    /// A host over ssh, with one shared connection that lasts while it is used.
    ///
    /// - Parameters:
    ///   - folder: of the shared connections; its owner removes it when the deployment has ended.
    ///   - deployment: as of ``ShellHost/init(id:shell:deployment:machine:authorizedKeys:)``.
    package static func overSSH(
        id: NodeID, target: SSHTarget, options: OpenSSHOptions, folder: ControlFolder, deployment: String,
        machine: GuestMachine, authorizedKeys: [String] = [], time: any TimeSource
    ) -> ShellHost {
        ShellHost(
            id: id, shell: OpenSSHShell(to: target, options: options, folder: folder, time: time),
            deployment: deployment, machine: machine, authorizedKeys: authorizedKeys)
    }
}
