import Basis
import Deployer
import Foundation
import Testing

/// A host in a folder of this machine, where its `/srv` and the home of its user are.
private struct FolderHost: HostShell {
    private let base = LocalShell(time: SystemTimeSource())
    private let folder: ScratchFolder
    /// Whether nobody takes back what a push leaves, as when it is killed.
    private let isLeft: Bool

    var time: any TimeSource { self.base.time }

    init(_ folder: ScratchFolder, isLeft: Bool) {
        self.folder = folder
        self.isLeft = isLeft
    }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        // Only the script that ends a push has the mark last.
        if self.isLeft, command.arguments.last?.hasPrefix("dvms-push-") == true {
            throw .connectionLost(host: "this one", words: "gone")
        }
        let srv = "\(self.folder.path)/srv/"
        var command = command
        command.arguments = command.arguments.map { $0.replacing("/srv/", with: srv) }
        let script = command.script.replacing("/srv/", with: srv)
        command.script = "HOME=\(ShellQuote.word("\(self.folder.path)/home"))\nexport HOME\n" + script
        return try await self.base.run(command)
    }
}

@Suite("A push to hosts")
struct PushTests {
    private let source: ScratchFolder
    private let hosts: [String: ScratchFolder]

    /// Port 1 of loopback: tcpmux, which nobody serves. So the second host asks the first in vain.
    private static let port = 1
    private static let hostKey =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJilbF0TjfV5VWHssktq/ZzaELPQCyfQ1VrewEKxjSJm"

    init() throws {
        self.source = try ScratchFolder()
        self.hosts = ["h1": try ScratchFolder(), "h2": try ScratchFolder()]
        _ = try self.source.write(Array("[127.0.0.1]:\(Self.port) \(Self.hostKey)\n".utf8), to: "known_hosts")
        for host in self.hosts.values {
            for name in ["srv", "home"] {
                try FileManager.default.createDirectory(
                    atPath: "\(host.path)/\(name)", withIntermediateDirectories: false)
            }
        }
    }

    /// Each host with whether it has the file and nothing is left of the push.
    private func push(_ content: String, isLeft: Bool) async throws -> [String: Bool] {
        let path = try self.source.write(Array(content.utf8), to: "tool")
        let target = try SSHTarget(host: "127.0.0.1", user: "u", port: Self.port)
        let hosts = self.hosts
        let spread = FileSpread(
            OfferedFile(path: path, manifest: try FileManifest(of: path), destination: "/srv/tool", mode: 0o755),
            to: ["h1", "h2"].map { .init(name: $0, site: "s", target: target) }, arity: 1,
            knownHostsFile: "\(self.source.path)/known_hosts", window: 1, limit: .seconds(120)
        ) { recipient in
            guard let folder = hosts[recipient.name] else { preconditionFailure("\(recipient.name) is a host") }
            return FolderHost(folder, isLeft: isLeft)
        }
        var clean: [String: Bool] = [:]
        await spread.run { name, outcome in
            switch outcome {
            case .arrived(_, let leftBehind): clean[name] = leftBehind == nil
            case .failed(let failure): Issue.record("\(name): \(failure)")
            }
        }
        return clean
    }

    private func contents(_ host: String, _ folder: String) throws -> [String] {
        let path = try #require(self.hosts[host]).path
        return try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()
    }

    @Test("takes away what one to the same path has left that was killed, although the file was made anew since")
    func madeAnew() async throws {
        #expect(try await self.push("first", isLeft: true) == ["h1": false, "h2": false])
        #expect(try self.contents("h1", "home/.ssh") == ["authorized_keys"])
        #expect(try self.contents("h2", "srv").count == 2)
        #expect(try await self.push("second", isLeft: false) == ["h1": true, "h2": true])
        for (name, host) in self.hosts {
            #expect(try self.contents(name, "srv") == ["tool"])
            #expect(try self.contents(name, "home").isEmpty)
            #expect(try host.text("srv/tool") == "second")
        }
    }
}
