import ArgumentParser
import Basis
import Deployer
import Foundation
import Settings

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Bring a file to many hosts over ssh, from host to host, in pieces whose SHA-256 is checked.",
        discussion: """
            Hosts get the file from each other while it arrives; keys for that are made on the hosts, and taken away at the \
            end. A push that was stopped goes on where it was. Exit status: 0 every host has the file; 1 some have not, or \
            keep keys; 2 the command line is not right.
            """)

    @Argument(help: "A file of this machine.") var file: String

    @OptionGroup var selection: HostSelection

    @Option(help: ArgumentHelp("Where it is to be on the hosts: an absolute path.", valueName: "path"))
    var to: String

    @Option(help: ArgumentHelp("Permissions on the hosts, in octal digits.", valueName: "mode"))
    var mode = "644"

    @Option(help: "chain: each from the one before; tree: each to some others; copies: all from here.")
    var spread = FleetImage.Spread.chain

    @Option(help: ArgumentHelp("With --spread tree: how many others each host sends to.", valueName: "n"))
    var arity = FleetImage.treeArityByDefault

    @OptionGroup(title: "How to connect") var connection: ConnectionOptions

    @Option(help: ArgumentHelp("Hosts at once.", valueName: "n"))
    var window = FanOut.windowByDefault

    @Option(
        help: ArgumentHelp("How long it may take on each host, as 900s.", valueName: "duration"),
        transform: PlanArguments.duration)
    var timeout = Duration.seconds(900)

    func validate() throws {
        guard self.to.hasPrefix("/"), !self.to.hasSuffix("/") else {
            throw ValidationError("--to is an absolute path of a file")
        }
        guard let mode = Int(self.mode, radix: 8), (0...0o777).contains(mode) else {
            throw ValidationError("--mode is a number of 0 to 777 in octal digits")
        }
        guard (1...FanOut.windowMax).contains(self.window) else {
            throw ValidationError("--window is a number of 1 to \(FanOut.windowMax)")
        }
        guard (1...FleetImage.treeArityMax).contains(self.arity) else {
            throw ValidationError("--arity is a number of 1 to \(FleetImage.treeArityMax)")
        }
        guard !self.connection.local else { throw ValidationError("--local is nothing for push") }
    }

    func run() async throws {
        let places = try self.selection.places(self.connection)
        let ssh = try self.connection.ssh.openSSH()
        let manifest: FileManifest
        do throws(HostShellFailure) {
            manifest = try FileManifest(of: self.file)
        } catch {
            throw OperatorFailure(.badInput, error.description)
        }
        let folder: ControlFolder
        do throws(HostShellFailure) {
            folder = try ControlFolder()
        } catch {
            throw OperatorFailure(.failed, error.description)
        }
        defer { folder.remove() }
        let shells = Dictionary(
            uniqueKeysWithValues: places.map {
                ($0.name, OpenSSHShell(to: $0.target, options: ssh, sharing: .master(folder), time: SystemTimeSource()))
            })
        let arity: Int? =
            switch self.spread {
            case .copies: nil
            case .chain: 1
            case .tree: self.arity
            }
        let run = FileSpread(
            OfferedFile(
                path: self.file, manifest: manifest, destination: self.to, mode: Int(self.mode, radix: 8) ?? 0o644),
            to: places.map { .init(name: $0.name, site: $0.site, target: $0.target) }, arity: arity,
            knownHostsFile: ssh.knownHostsFile, window: self.window, limit: self.timeout
        ) { recipient in
            guard let shell = shells[recipient.name] else { preconditionFailure("\(recipient.name) has a shell") }
            return shell
        }
        var failed = 0
        var lines: [String] = []
        await run.run { name, outcome in
            let (words, isRight) = Self.words(outcome, chunks: manifest.chunkCount)
            lines.append("\(name): \(words)")
            if !isRight { failed += 1 }
        }
        for shell in shells.values { await shell.close() }
        try Console.write(lines.joined(separator: "\n"))
        guard failed == 0 else {
            throw OperatorFailure(.failed, "\(failed) of \(places.count) hosts did not take it in order")
        }
    }

    private static func words(_ outcome: FileSpread.Outcome, chunks: Int) -> (String, isRight: Bool) {
        switch outcome {
        case .failed(let failure): return (failure.description, false)
        case .arrived(let arrival, let leftBehind):
            var parts: [String] = []
            if arrival.wasThere { parts.append("it was there") }
            parts += arrival.fromHosts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
                .map { "\($0.value) of \(chunks) chunks from \($0.key)" }
            if arrival.fromHere > 0 { parts.append("\(arrival.fromHere) of \(chunks) chunks from here") }
            parts += arrival.passedOver.map { "passed over \($0.source) at chunk \($0.chunk): \($0.why)" }
            if let leftBehind { parts.append("keys may be left there: \(leftBehind)") }
            return (parts.isEmpty ? "it has it" : parts.joined(separator: "; "), leftBehind == nil)
        }
    }
}

extension FleetImage.Spread: ExpressibleByArgument {}

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Gather a file of each of many hosts over ssh, into a folder for each host.",
        discussion: """
            What was there before stays until the new file is whole. Exit status: 0 the file of every host is here; 1 some \
            are not; 2 the command line is not right.
            """)

    @Argument(help: "An absolute path on the hosts.") var path: String

    @OptionGroup var selection: HostSelection

    @Option(help: ArgumentHelp("Where the hosts' folders are made, on this machine.", valueName: "folder"))
    var into: String

    @OptionGroup(title: "How to connect") var connection: ConnectionOptions

    @OptionGroup var keeping: KeepOptions

    @Option(help: ArgumentHelp("Hosts at once.", valueName: "n"))
    var window = FanOut.windowByDefault

    @Option(
        help: ArgumentHelp("How long it may take from each host, as 900s.", valueName: "duration"),
        transform: PlanArguments.duration)
    var timeout = Duration.seconds(900)

    func validate() throws {
        guard self.path.hasPrefix("/"), self.name != "..", self.name != "." else {
            throw ValidationError("the path on the hosts is absolute, and that of a file")
        }
        guard (1...FanOut.windowMax).contains(self.window) else {
            throw ValidationError("--window is a number of 1 to \(FanOut.windowMax)")
        }
    }

    private var name: String { self.path.split(separator: "/").last.map(String.init) ?? "." }

    func run() async throws {
        let places = try self.selection.places(self.connection)
        let targets = Dictionary(uniqueKeysWithValues: places.map { ($0.name, $0.target) })
        let shell = try self.connection.shells(for: targets, keeping: self.keeping)
        for place in places {
            guard HostNames.isSafe(place.name) else {
                throw OperatorFailure(.badInput, "'\(place.name)' is no name for a folder")
            }
            do {
                try FileManager.default.createDirectory(
                    atPath: "\(self.into)/\(place.name)", withIntermediateDirectories: true)
            } catch {
                throw OperatorFailure(.failed, "\(self.into)/\(place.name) cannot be made: \(error)")
            }
        }
        var failures: [String: HostShellFailure] = [:]
        let gathering = (source: self.path, into: self.into, name: self.name, limit: self.timeout)
        await withTaskGroup(of: (String, HostShellFailure?).self) { group in
            var waiting = places.map(\.name).makeIterator()
            func addNext() {
                guard let host = waiting.next() else { return }
                group.addTask {
                    do throws(HostShellFailure) {
                        try await shell(host).get(
                            gathering.source, to: "\(gathering.into)/\(host)/\(gathering.name)", limit: gathering.limit)
                        return (host, nil)
                    } catch {
                        return (host, error)
                    }
                }
            }
            for _ in 0..<self.window { addNext() }
            while let (host, failure) = await group.next() {
                failures[host] = failure
                addNext()
            }
        }
        let lines = places.compactMap { place in failures[place.name].map { "\(place.name): \($0)" } }
        if !lines.isEmpty { try Console.write(lines.joined(separator: "\n")) }
        guard failures.isEmpty else {
            throw OperatorFailure(.failed, "\(failures.count) of \(places.count) files are not here")
        }
    }
}
