package import Basis

extension SSHHosts: HostDirectory {}

/// Makes the hosts of deployments.
package enum DeployableHosts {
    /// The hosts of a fleet over ssh. The caller closes them when the run has ended.
    package static func overSSH(
        options: OpenSSHOptions, machine: GuestMachine, authorizedKeys: [String] = [], time: any TimeSource
    ) throws(HostShellFailure) -> SSHHosts {
        try SSHHosts(options: options, machine: machine, authorizedKeys: authorizedKeys, time: time)
    }
}
