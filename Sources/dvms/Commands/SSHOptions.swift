import ArgumentParser
import Basis
import Deployer
import Foundation

/// How ssh proves who calls and that a host is the one that is meant.
struct SSHOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The private key; without it, what ssh finds by itself.", valueName: "file"))
    var identity: String?

    @Option(
        help: ArgumentHelp("The file that vouches for host keys; without it, ~/.ssh/known_hosts.", valueName: "file"))
    var knownHosts: String?

    @Option(help: ArgumentHelp("A config file of ssh, for jump hosts and the like.", valueName: "file"))
    var sshConfig: String?

    func openSSH() throws(OperatorFailure) -> OpenSSHOptions {
        do {
            return try OpenSSHOptions(
                identityFile: self.identity, knownHostsFile: self.knownHosts ?? "\(NSHomeDirectory())/.ssh/known_hosts",
                configFile: self.sshConfig)
        } catch {
            throw OperatorFailure(.badInput, "\(error)")
        }
    }
}
