import ArgumentParser
import ControlClient
import ControlProtocol

/// The operator's command line. Each verb is a file, or shares one with its kin, in Commands/.
@main
struct DVMSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dvms",
        abstract: "Asks and tells the DVMS daemon of a node.",
        discussion: """
            Without --socket or --config, the only *.sock in \(SocketChoice.defaultFolder) is used. Exit status: 0 done; \
            1 refused or failed; 2 the command line or a file is not right; 3 the daemon cannot be reached; \
            `dvms plan --help` and `dvms deploy --help` tell their own.
            """,
        version: "dvms \(ControlProduct.version)",
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(
                name: "Look",
                subcommands: [
                    StatusCommand.self, RingCommand.self, GuestsCommand.self, EventsCommand.self, ExplainCommand.self,
                    VersionCommand.self,
                ]),
            CommandGroup(
                name: "Decide",
                subcommands: [
                    ApplyCommand.self, CancelCommand.self, AdoptCommand.self, DrainCommand.self, UndrainCommand.self,
                    PauseCommand.self, ResumeCommand.self, InjectCommand.self,
                ]),
            CommandGroup(
                name: "Without a daemon",
                subcommands: [
                    PlanCommand.self, SimulateCommand.self, DeployCommand.self, ExecCommand.self, PushCommand.self,
                    PullCommand.self, LoadCommand.self,
                ]),
            CommandGroup(
                name: "Set up",
                subcommands: [
                    JoinCommand.self, LeaveCommand.self, ReloadCommand.self, ConfigCommand.self,
                    CertificateCommand.self,
                ]),
        ])

    @OptionGroup(title: "Which daemon, and how to answer") var options: DaemonOptions

    func run() throws {
        throw ValidationError("a verb is missing")
    }

    static func main() async {
        do {
            var command = try self.parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand {
                try await waiting.run()
            } else {
                try command.run()
            }
        } catch let failure as OperatorFailure {
            self.end(with: failure)
        } catch let failure as DaemonFailure {
            self.end(with: OperatorFailure(failure))
        } catch {
            self.end(with: error)
        }
    }

    private static func end(with failure: OperatorFailure) -> Never {
        Console.complain("dvms: \(failure.text)")
        Console.end(failure.status.rawValue)
    }

    /// What the parser throws: help and versions that were asked for, or a command line that is not right.
    private static func end(with error: any Error) -> Never {
        guard self.exitCode(for: error) == .success else {
            Console.complain(self.fullMessage(for: error))
            Console.end(OperatorFailure.Status.badInput.rawValue)
        }
        let written = Result { try Console.write(self.fullMessage(for: error)) }
        Console.end((try? written.get()) == nil ? OperatorFailure.Status.failed.rawValue : 0)
    }
}
