import ArgumentParser
import Basis
import Settings

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at config files. No daemon is needed.", subcommands: [Check.self])

    func run() throws {
        throw ValidationError("say what: check")
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say everything that is wrong with a config file, line by line.",
            discussion: "A file that names no node of its own is checked for each node of its ring.")

        @Argument(help: ArgumentHelp("The config file.", valueName: "file"))
        var file: String

        @OptionGroup var chosen: NodeOption

        func run() throws {
            let check = ConfigCheck(file: self.file, contentsOf: FileText.read)
            try Console.write(try check.report(for: self.chosen.node))
        }
    }
}
