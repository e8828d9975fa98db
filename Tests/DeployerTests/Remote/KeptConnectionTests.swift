import Basis
import Deployer
import Foundation
import Glibc
import Testing

@Suite("Connections that are kept, with a real sshd")
struct KeptConnectionTests {
    private let server: LoopbackSSHD
    private let scratch: ScratchFolder
    private let folder: ControlFolder
    private let command = HostCommand(script: "echo hi", limit: .seconds(60))

    init() throws {
        self.server = try LoopbackSSHD()
        self.scratch = try ScratchFolder()
        self.folder = try ControlFolder(keptAt: "\(self.scratch.path)/kept")
    }

    /// As a process of its own has it: nothing but the folder is common to two.
    private func shell(key: String = "user-key") throws -> OpenSSHShell {
        // Longer than any test takes: none ends by itself.
        try self.server.shell(key: key, sharing: .kept(self.folder, idleMax: .seconds(600)))
    }

    private func failure(of shell: OpenSSHShell) async -> HostShellFailure? {
        do throws(HostShellFailure) {
            _ = try await shell.run(self.command)
            return nil
        } catch {
            return error
        }
    }

    private var sockets: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.folder.path)) ?? [] }

    @Test("are left by a command to those after it, until they are ended")
    func kept() async throws {
        let first = try self.shell()
        let result = try await first.run(self.command)
        #expect(result.outputText == "hi\n" && result.errorText.isEmpty, "\(result)")
        #expect(self.server.accepted == 1 && self.sockets.count == 1)
        let second = try self.shell()
        for shell in [first, second, second] { #expect(try await shell.run(self.command).isSuccess) }
        #expect(self.server.accepted == 1)
        await second.close()
        #expect(try await first.run(self.command).isSuccess)
        #expect(self.server.accepted == 2)
        await first.close()
    }

    @Test("are no business of a command that is to connect by itself, which leaves none")
    func alone() async throws {
        for _ in 0..<2 { #expect(try await self.server.shell().run(self.command).isSuccess) }
        #expect(self.server.accepted == 2 && self.sockets.isEmpty)
    }

    @Test("are shared with nobody who has another key, or whose files are not what they were")
    func otherFiles() async throws {
        let shell = try self.shell()
        #expect(try await shell.run(self.command).isSuccess)
        let stranger = await self.failure(of: try self.shell(key: "other-key"))
        guard case .authenticationRefused = stranger else {
            Issue.record("\(String(describing: stranger))")
            return
        }
        try self.server.vouch(for: "other-key")
        let changed = await self.failure(of: try self.shell())
        guard case .hostKeyChanged = changed else {
            Issue.record("\(String(describing: changed))")
            return
        }
        try self.server.vouch(for: "host-key")
        try FileManager.default.removeItem(atPath: "\(self.server.folder.path)/user-key")
        let keyless = await self.failure(of: try self.shell())
        guard case .authenticationRefused = keyless else {
            Issue.record("\(String(describing: keyless))")
            return
        }
        #expect(self.server.accepted == 4)
        await shell.close()
    }

    @Test("are made anew where one that was killed has left its socket")
    func staleSocket() async throws {
        let socket = self.folder.socket(for: try self.server.target(), options: try self.server.options())
        try Self.leaveSocket(at: socket)
        let shell = try self.shell()
        for _ in 0..<2 { #expect(try await shell.run(self.command).isSuccess) }
        #expect(self.server.accepted == 1 && self.sockets.count == 1)
        await shell.close()
    }

    /// A socket on which nobody listens any more.
    private static func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isLeft = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(descriptor, 1) == 0
            }
        }
        try #require(isLeft)
    }

    @Test("carry ten commands at once, as sshd has it, beside which others connect by themselves")
    func manyAtOnce() async throws {
        let shells = [try self.shell(), try self.shell()]
        #expect(try await shells[0].run(self.command).isSuccess)
        let there = try ScratchFolder()
        let count = 2 * OpenSSHShell.sessionsMax
        // None ends before all have begun.
        let meeting = HostCommand(
            script: #"cat >"$1/$$"; while [ "$(ls "$1" | wc -l)" -lt "$2" ]; do sleep 0.05; done; cat "$1/$$""#,
            arguments: [there.path, "\(count)"], input: .bytes(Array("mine".utf8)), limit: .seconds(60))
        let said = try await withThrowingTaskGroup(of: CommandResult.self) { group in
            for index in 0..<count { group.addTask { try await shells[index % 2].run(meeting) } }
            var results: [CommandResult] = []
            for try await result in group { results.append(result) }
            return results
        }
        #expect(said.count == count && said.allSatisfy { $0.outputText == "mine" && $0.errorText.isEmpty }, "\(said)")
        #expect((1 + count - 10..<count).contains(self.server.accepted))
        await shells[0].close()
    }

    @Test("are kept in a folder of the user alone, which is made once, or it is said what is wrong with it")
    func folders() throws {
        #expect(try ControlFolder(keptAt: self.folder.path).path == self.folder.path)
        let file = try self.scratch.write([], to: "file")
        let (link, foreign) = ("\(self.scratch.path)/link", "\(self.scratch.path)/foreign")
        try #require(symlink(self.folder.path, link) == 0 && mkdir(foreign, 0o700) == 0)
        var cases = [
            (file, "is a link or a file"), (link, "is a link or a file"), ("\(file)/f", "cannot be made"),
            ("\(self.scratch.path)/\(String(repeating: "d", count: 80))", "too long"),
            ("\(self.scratch.path)/%h", "has % or $"),
        ]
        // Only root can give a folder away.
        if geteuid() == 0, chown(foreign, 1, 1) == 0 {
            cases.append((foreign, "belongs to the user with the number 1"))
        }
        for (path, words) in cases {
            #expect(Self.complaint(about: path)?.contains(words) == true, "\(path)")
        }
        for mode: mode_t in [0o710, 0o701, 0o720, 0o777, 0o500] {
            try #require(chmod(self.folder.path, mode) == 0)
            let complaint = Self.complaint(about: self.folder.path)
            #expect(complaint?.contains("has mode \(String(mode, radix: 8)) instead of 700") == true)
        }
        try #require(chmod(self.folder.path, 0o700) == 0)
    }

    private static func complaint(about path: String) -> String? {
        do throws(UnusableControlFolder) {
            _ = try ControlFolder(keptAt: path)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("have their folder in the runtime folder, if that is the user's own and short enough, or else in /tmp")
    func runtimeFolders() throws {
        let own = "/tmp/dvms-ssh-\(geteuid())"
        #expect(ControlFolder.keptPath(runtimeFolder: self.scratch.path) == "\(self.scratch.path)/dvms-ssh")
        let long = "\(self.scratch.path)/\(String(repeating: "d", count: 60))"
        let common = "\(self.scratch.path)/common"
        try #require(mkdir(long, 0o700) == 0 && mkdir(common, 0o700) == 0 && chmod(common, 0o770) == 0)
        for folder in [nil, "", "tmp", "/no/such/folder", "/tmp", long, common] {
            #expect(ControlFolder.keptPath(runtimeFolder: folder) == own, "\(folder ?? "none")")
        }
    }
}
