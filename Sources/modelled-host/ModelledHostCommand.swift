import ArgumentParser

/// A modelled hypervisor as a process, and what its operator may ask of it.
@main
struct ModelledHostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modelled-host",
        abstract:
            "A modelled hypervisor behind a UNIX socket: domains with demands, and live migration that takes time.",
        subcommands: [ServeCommand.self, GuestsCommand.self, DemandCommand.self], defaultSubcommand: ServeCommand.self)
}
