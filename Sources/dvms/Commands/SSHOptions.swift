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

/// How long connections stay for the command after this one.
struct KeepOptions: ParsableArguments {
    private static let idleMaxByDefault = Duration.seconds(60)
    /// Of hosts whose connections are kept unasked: each is a process with 2 MiB of memory.
    private static let hostCountMax = 256

    @Option(
        help: ArgumentHelp(
            "How long connections stay for the next command, as 10s; without it 60s, but 0s for more than 256 hosts.",
            valueName: "duration"),
        transform: PlanArguments.durationOrZero)
    var keep: Duration?

    func sharing(hostCount: Int) throws(OperatorFailure) -> ConnectionSharing {
        let keep = self.keep ?? (hostCount <= Self.hostCountMax ? Self.idleMaxByDefault : .zero)
        guard keep > .zero else { return .alone }
        let runtimeFolder = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"]
        do throws(UnusableControlFolder) {
            let folder = try ControlFolder(keptAt: ControlFolder.keptPath(runtimeFolder: runtimeFolder))
            return .kept(folder, idleMax: keep)
        } catch {
            throw OperatorFailure(.failed, "\(error); --keep 0s keeps none")
        }
    }
}
