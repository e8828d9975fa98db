import ArgumentParser
import Basis
import Deployer
import Foundation

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command on many hosts over ssh, and show what they say, alike hosts together.",
        discussion: """
            One word after -- is a script for /bin/sh; several are a command and its arguments, which no shell changes. \
            Hosts must be in the known_hosts file: an unknown key is refused. --json prints one object for each host, as they \
            end. Exit status: 0 every host ended with 0; \
            1 some did not; 2 the command line is not right.
            """)

    @OptionGroup var selection: HostSelection

    @OptionGroup(title: "How to connect") var connection: ConnectionOptions

    @OptionGroup var keeping: KeepOptions

    @Option(help: ArgumentHelp("Connections at once.", valueName: "n"))
    var window = FanOut.windowByDefault

    @Option(
        help: ArgumentHelp(
            "Let some hosts pass the command on, each to so many others of its domain, with their own ssh.",
            valueName: "n"))
    var tree: Int?

    @Option(
        help: ArgumentHelp("With --tree: the private key for passing on, a file of the hosts.", valueName: "file"))
    var innerIdentity: String?

    @Option(
        help: ArgumentHelp("With --tree: what vouches for host keys, a file of the hosts.", valueName: "file"))
    var innerKnownHosts = "/etc/ssh/ssh_known_hosts"

    @Option(
        help: ArgumentHelp("How long the command may take on each host, as 30s.", valueName: "duration"),
        transform: PlanArguments.duration)
    var timeout = Duration.seconds(60)

    @Option(help: ArgumentHelp("How much is kept of each stream of each host.", valueName: "bytes"))
    var outputLimit = 65_536

    /// The flag --json is that of all of dvms; a daemon is not asked.
    @OptionGroup(visibility: .hidden) private var daemon: DaemonOptions

    private var json: Bool { self.daemon.json }

    @Argument(parsing: .postTerminator, help: "The command.")
    var command: [String] = []

    func validate() throws {
        guard !self.command.isEmpty else { throw ValidationError("a command is missing; write it after --") }
        guard (1...FanOut.windowMax).contains(self.window) else {
            throw ValidationError("--window is a number of 1 to \(FanOut.windowMax)")
        }
        if let tree = self.tree {
            guard !self.connection.local else { throw ValidationError("--tree and --local exclude each other") }
            guard (1...ExecutionTree.childrenMax).contains(tree) else {
                throw ValidationError("--tree is a number of 1 to \(ExecutionTree.childrenMax)")
            }
        }
        guard (0...HostCommand.outputBytesMaxByDefault).contains(self.outputLimit) else {
            throw ValidationError("--output-limit is a number of 0 to \(HostCommand.outputBytesMaxByDefault)")
        }
    }

    func run() async throws {
        let hosts = try self.selection.places(self.connection)
        let command = HostCommand(
            script: self.command.count == 1 ? self.command[0] : #"exec "$@""#,
            arguments: self.command.count == 1 ? [] : self.command, limit: self.timeout,
            outputBytesMax: self.outputLimit)
        var reports: [String: HostReport] = [:]
        var failed = 0
        var unwritten: OperatorFailure?
        try await self.start(command, on: hosts) { report in
            if !report.isSuccess { failed += 1 }
            guard self.json else {
                reports[report.host] = report
                return
            }
            do throws(OperatorFailure) {
                try Console.write(try ExecReport(report).line)
            } catch {
                unwritten = unwritten ?? error
            }
        }
        if let unwritten { throw unwritten }
        if !self.json {
            let folded = FoldedOutput(hosts.compactMap { reports[$0.name] })
            try Console.write(folded.lines.map(\.printable).joined(separator: "\n"))
        }
        guard failed == 0 else {
            throw OperatorFailure(.failed, "\(failed) of \(hosts.count) hosts did not end with 0")
        }
    }
}

extension ExecCommand {
    /// Straight, or through a tree.
    private func start(
        _ command: HostCommand, on places: [HostPlace], told: (HostReport) async -> Void
    ) async throws(OperatorFailure) {
        let targets = Dictionary(uniqueKeysWithValues: places.map { ($0.name, $0.target) })
        let shell = try self.connection.shells(for: targets, keeping: self.keeping)
        guard let tree = self.tree else {
            return await FanOut(window: self.window, shell: shell).run(command, on: places.map(\.name), told: told)
        }
        let inner: OpenSSHOptions
        do {
            inner = try OpenSSHOptions(identityFile: self.innerIdentity, knownHostsFile: self.innerKnownHosts)
        } catch {
            throw OperatorFailure(.badInput, "\(error)")
        }
        let run = TreeRun(
            ExecutionTree(of: places.map { (name: $0.name, site: $0.site) }, childrenMax: tree), targets: targets,
            innerOptions: inner, window: self.window, shell: shell)
        await run.run(command, told: told)
    }
}

/// Who connects to hosts, and what vouches for them.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The user on the hosts; without it, that of the fleet, or the one who calls.", valueName: "name"))
    var user: String?

    @Option(help: ArgumentHelp("The port of their sshd; without it, that of the fleet, or 22.", valueName: "port"))
    var port: Int?

    @OptionGroup var ssh: SSHOptions

    @Flag(help: "Run the command on this machine instead, once for each host: to try it out, and to measure.")
    var local = false

    /// What gives each host its shell.
    func shells(
        for targets: [String: SSHTarget], keeping: KeepOptions
    ) throws(OperatorFailure) -> @Sendable (String) async throws(HostShellFailure) -> any HostShell {
        let time = SystemTimeSource()
        if self.local { return { _ in LocalShell(time: time) } }
        let options = try self.ssh.openSSH()
        let sharing = try keeping.sharing(hostCount: targets.count)
        return { host throws(HostShellFailure) in
            guard let target = targets[host] else {
                throw .couldNotStart(detail: "\(host) is none of the hosts that were named")
            }
            return OpenSSHShell(to: target, options: options, sharing: sharing, time: time)
        }
    }
}

/// What came of the command on one host, as a JSON object.
private struct ExecReport: Encodable {
    private let host: String
    private var status: Int?
    private var signal: Int?
    private var failure: String?
    private var milliseconds: Int64?
    /// Text where it is UTF-8; else `outputBase64` has it.
    private var output: String?
    private var outputBase64: String?
    private var outputBytesDropped: Int?
    private var errors: String?
    private var errorsBase64: String?
    private var errorBytesDropped: Int?

    init(_ report: HostReport) {
        self.host = report.host
        switch report.outcome {
        case .failed(let failure):
            self.failure = failure.description
        case .ended(let result):
            switch result.ending {
            case .exited(let status): self.status = status
            case .signalled(let signal): self.signal = signal
            }
            self.milliseconds = result.duration.inMilliseconds
            (self.output, self.outputBase64) = Self.text(result.output)
            (self.errors, self.errorsBase64) = Self.text(result.errors)
            self.outputBytesDropped = result.outputBytesDropped == 0 ? nil : result.outputBytesDropped
            self.errorBytesDropped = result.errorBytesDropped == 0 ? nil : result.errorBytesDropped
        }
    }

    private static func text(_ bytes: [UInt8]) -> (text: String?, base64: String?) {
        if let text = String(validating: bytes, as: UTF8.self) { return (text, nil) }
        return (nil, Data(bytes).base64EncodedString())
    }

    var line: String {
        get throws(OperatorFailure) {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            do {
                return String(decoding: try encoder.encode(self), as: UTF8.self)
            } catch {
                throw OperatorFailure(.failed, "the report of \(self.host) cannot be written: \(error)")
            }
        }
    }
}

extension String {
    /// Without what a terminal would obey: hosts say what they like.
    fileprivate var printable: String {
        String(
            self.unicodeScalars.map { scalar -> Character in
                scalar != "\t" && scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
            })
    }
}
