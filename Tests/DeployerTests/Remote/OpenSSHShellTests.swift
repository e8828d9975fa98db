import Basis
import Deployer
import Foundation
import Testing

@Suite("Commands over ssh, with a real sshd")
struct OpenSSHShellTests {
    private let server: LoopbackSSHD

    init() throws {
        self.server = try LoopbackSSHD()
    }

    private func command(_ script: String, _ arguments: [String] = [], limit: Duration = .seconds(60)) -> HostCommand {
        HostCommand(script: script, arguments: arguments, limit: limit)
    }

    private func sharing(_ folder: ControlFolder?) -> ConnectionSharing {
        guard let folder else { return .alone }
        return .master(folder)
    }

    private func failure(of shell: OpenSSHShell, _ command: HostCommand) async -> HostShellFailure? {
        do throws(HostShellFailure) {
            _ = try await shell.run(command)
            return nil
        } catch {
            return error
        }
    }

    /// Sends a signal to the sshd that this command runs under.
    private static let signalServer = #"""
        p=$$
        while [ "$p" -gt 1 ] && [ "$(cat /proc/$p/comm)" != sshd ]; do p=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status); done
        kill "$1" "$p"; sleep 30
        """#

    @Test(
        "runs a command and tells its end, by a connection of its own or by a shared one", arguments: [false, true])
    func ends(isShared: Bool) async throws {
        let folder = isShared ? try ControlFolder() : nil
        let shell = try self.server.shell(sharing: self.sharing(folder))
        for (script, expected) in [
            ("true", .exited(0)), ("exit 255", .exited(255)), ("kill -9 $$", .signalled(9)),
        ] as [(String, CommandEnding)] {
            #expect(try await shell.run(self.command(script)).ending == expected)
        }
        let hostile = ["'; exit 9 #", "$(exit 9)", "a b\n\\", "!"]
        let said = try await shell.run(self.command(#"printf '%s\0' "$@""#, hostile))
        #expect(said.outputText == hostile.map { $0 + "\0" }.joined())
        let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17) }
        let echo = HostCommand(script: "tee /dev/stderr", input: .bytes(bytes), limit: .seconds(60))
        let result = try await shell.run(echo)
        #expect(result.output == Array(bytes[..<1_048_576]) && result.outputBytesDropped == 2_000_000 - 1_048_576)
        #expect(result.errors == result.output && result.errorBytesDropped == result.outputBytesDropped)
        #expect(self.server.accepted == (isShared ? 1 : 5))
        await shell.close()
        folder?.remove()
    }

    @Test("does not take what a login shell prints when it starts for what a command says, or for a file")
    func loginPrints() async throws {
        let server = try LoopbackSSHD(loginPrints: "welcome")
        let shell = try server.shell()
        let result = try await shell.run(self.command("echo out; echo err >&2; exit 3"))
        #expect(result.ending == .exited(3) && result.outputText == "out\n" && result.errorText == "err\n", "\(result)")
        let copy = "\(server.folder.path)/copy"
        try await shell.get("\(server.folder.path)/user-key.pub", to: copy, limit: .seconds(60))
        #expect(try server.folder.text("copy") == server.folder.text("user-key.pub"))
    }

    @Test("shares one connection between many commands at once, and makes it again when it is gone")
    func shared() async throws {
        let folder = try ControlFolder()
        defer { folder.remove() }
        let shell = try self.server.shell(sharing: self.sharing(folder))
        let command = self.command("echo $PPID")
        let count = try await withThrowingTaskGroup(of: CommandResult.self) { group in
            for _ in 0..<24 { group.addTask { try await shell.run(command) } }
            return try await group.reduce(0) { $1.isSuccess ? $0 + 1 : $0 }
        }
        #expect(count == 24 && self.server.accepted == 1)
        self.server.killServers()
        // The first may still meet the dead connection: it fails, or ssh connects for it alone.
        _ = await self.failure(of: shell, command)
        #expect(try await shell.run(command).isSuccess)
        let accepted = self.server.accepted
        for _ in 0..<3 { #expect(try await shell.run(command).isSuccess) }
        #expect(self.server.accepted == accepted)
        await shell.close()
        #expect(try await shell.run(command).isSuccess)
        #expect(self.server.accepted == accepted + 1)
        await shell.close()
    }

    @Test("says that a connection broke in mid-command, and that a retry may help", arguments: [false, true])
    func killedServer(isShared: Bool) async throws {
        let folder = isShared ? try ControlFolder() : nil
        defer { folder?.remove() }
        let shell = try self.server.shell(sharing: self.sharing(folder))
        let failure = try #require(await self.failure(of: shell, self.command(Self.signalServer, ["-9"])))
        guard case .connectionLost(host: "127.0.0.1", _) = failure else {
            Issue.record("\(failure)")
            return
        }
        #expect(failure.canRetryHelp)
        await shell.close()
    }

    @Test("says who does not let whom in, which key is unknown or another, and runs nothing", arguments: [false, true])
    func refusals(isShared: Bool) async throws {
        let folder = isShared ? try ControlFolder() : nil
        defer { folder?.remove() }
        let mark = "\(self.server.folder.path)/ran"
        let command = self.command("touch \"$1\"", [mark])
        let stranger = try self.server.shell(key: "other-key", sharing: self.sharing(folder))
        guard case .authenticationRefused = await self.failure(of: stranger, command) else {
            Issue.record("a key that nobody authorised was let in")
            return
        }
        let knownHosts = "\(self.server.folder.path)/known_hosts"
        try self.server.vouch(for: "other-key")
        let changed = await self.failure(of: try self.server.shell(sharing: self.sharing(folder)), command)
        #expect(
            changed
                == .hostKeyChanged(host: "127.0.0.1", port: self.server.port, knownHosts: knownHosts, line: 1))
        try "".write(toFile: knownHosts, atomically: true, encoding: .utf8)
        let unknown = await self.failure(of: try self.server.shell(sharing: self.sharing(folder)), command)
        #expect(unknown == .hostKeyUnknown(host: "127.0.0.1", port: self.server.port, knownHosts: knownHosts))
        #expect(changed?.canRetryHelp == false && unknown?.canRetryHelp == false)
        #expect(!FileManager.default.fileExists(atPath: mark))
        #expect(try String(contentsOfFile: knownHosts, encoding: .utf8).isEmpty)
    }

    @Test("says that nobody listens", arguments: [false, true])
    func refusedConnection(isShared: Bool) async throws {
        let folder = isShared ? try ControlFolder() : nil
        defer { folder?.remove() }
        self.server.stopListening()
        let failure = await self.failure(of: try self.server.shell(sharing: self.sharing(folder)), self.command("true"))
        guard case .unreachable(host: "127.0.0.1", let words) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(words.contains("refused") && failure?.canRetryHelp == true)
    }

    @Test("ends a command on its host at the time limit")
    func limit() async throws {
        let shell = try self.server.shell()
        let pidFile = "\(self.server.folder.path)/pid"
        let failure = await self.failure(
            of: shell, self.command("echo $$ >\"$1\"; exec sleep 60", [pidFile], limit: .seconds(1)))
        #expect(failure == .timedOut(limit: .seconds(1), mayStillRun: false))
        let pid = try self.server.folder.text("pid")
        #expect(try await shell.run(self.command(awaitingEnd, [pid])).isSuccess)
    }

    @Test("says that a command may still run when nobody tells its end")
    func silentServer() async throws {
        let shell = try self.server.shell(time: HastyTime(factor: 8))
        let failure = await self.failure(of: shell, self.command(Self.signalServer, ["-STOP"], limit: .seconds(1)))
        #expect(failure == .timedOut(limit: .seconds(1), mayStillRun: true))
    }

    @Test("makes private folders for sockets, whose paths are short enough or refused")
    func controlFolders() throws {
        let folder = try ControlFolder(in: "/tmp")
        defer { folder.remove() }
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o700)
        let options = try OpenSSHOptions(knownHostsFile: "/kh")
        let sockets = try ["a", String(repeating: "b", count: 253)].map { host in
            folder.socket(for: try SSHTarget(host: host, user: "u"), options: options)
        }
        #expect(sockets[0] != sockets[1] && sockets.allSatisfy { $0.utf8.count <= ControlFolder.pathBytesMax })
        let deep = "\(folder.path)/\(String(repeating: "d", count: 80))"
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        #expect(throws: HostShellFailure.self) { try ControlFolder(in: deep) }
        try FileManager.default.removeItem(atPath: deep)
    }
}

/// The machine's time, but waiting takes a part of what it should.
private struct HastyTime: TimeSource {
    var factor: Int
    private let system = SystemTimeSource()

    init(factor: Int) {
        self.factor = factor
    }

    var now: MonotonicInstant { self.system.now }
    var wallClockMilliseconds: UInt64 { self.system.wallClockMilliseconds }

    func sleep(until deadline: MonotonicInstant) async throws {
        let now = self.system.now
        try await self.system.sleep(until: now + (deadline - now) / self.factor)
    }
}
