import Basis
import Deployer
import Foundation
import Testing

@Suite("Files to and from a host")
struct FileTransferTests {
    private let server: LoopbackSSHD
    private let folder: ScratchFolder

    init() throws {
        self.server = try LoopbackSSHD()
        self.folder = try ScratchFolder()
    }

    private static let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }

    private func failure(_ body: () async throws -> Void) async throws -> HostShellFailure? {
        do {
            try await body()
            return nil
        } catch let failure as HostShellFailure {
            return failure
        }
    }

    @Test("copies there and back, with mode and sum, over an old file, whatever its name")
    func roundTrip() async throws {
        let shell = try self.server.shell()
        let source = try self.folder.write(Self.bytes, to: "source")
        let there = try self.folder.write([1, 2, 3], to: "a 'file' $(x)\nof any name")
        let sum = try await shell.put(source, to: there, mode: 0o640, limit: .seconds(60))
        let attributes = try FileManager.default.attributesOfItem(atPath: there)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o640)
        let back = "\(self.folder.path)/back"
        #expect(try await shell.get(there, to: back, limit: .seconds(60)) == sum)
        #expect(try Data(contentsOf: URL(fileURLWithPath: back)) == Data(Self.bytes))
        let empty = try self.folder.write([], to: "empty")
        try await shell.put(empty, to: there, mode: 0o600, limit: .seconds(60))
        try await shell.get(there, to: back, limit: .seconds(60))
        #expect(try Data(contentsOf: URL(fileURLWithPath: back)).isEmpty)
        #expect(self.folder.names == ["a 'file' $(x)\nof any name", "back", "empty", "source"])
    }

    @Test("leaves the old file and no part behind when the connection breaks on the way")
    func brokenPut() async throws {
        let source = try self.folder.write(Self.bytes, to: "source")
        let there = try self.folder.write([1, 2, 3], to: "there")
        self.server.cut(afterBytes: 1_000_000)
        let failure = try await self.failure {
            try await self.server.shell().put(source, to: there, mode: 0o644, limit: .seconds(60))
        }
        guard case .connectionLost = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: there)) == Data([1, 2, 3]))
        // The host takes the part away when it sees the end of the connection: its own work, which is waited for.
        self.server.cut(afterBytes: nil)
        let wait = HostCommand(
            script: "while ls \"$1\".?????? >/dev/null 2>&1; do sleep 0.05; done", arguments: [there],
            limit: .seconds(20))
        #expect(try await self.server.shell().run(wait).isSuccess)
    }

    @Test("finds out a file that arrived different from what was read, in both directions")
    func damaged() async throws {
        let source = try self.folder.write(Self.bytes, to: "source")
        let there = "\(self.folder.path)/there"
        let damaging = DamagingShell(base: LocalShell(time: SystemTimeSource()))
        let put = try await self.failure {
            try await damaging.put(source, to: there, mode: 0o644, limit: .seconds(60))
        }
        let get = try await self.failure { try await damaging.get(source, to: there, limit: .seconds(60)) }
        for failure in [put, get] {
            guard case .transferDamaged(there, let expected, let found) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            #expect(expected != found && expected.utf8.count == 64 && found.utf8.count == 64)
            #expect(failure?.canRetryHelp == true)
        }
        #expect(self.folder.names == ["source"])
    }

    @Test("says why a file cannot be copied")
    func refusals() async throws {
        let shell = LocalShell(time: SystemTimeSource())
        let source = try self.folder.write([1], to: "source")
        for destination in ["/no/such/folder/file", "relative", self.folder.path] {
            let failure = try await self.failure {
                try await shell.put(source, to: destination, mode: 0o644, limit: .seconds(60))
            }
            guard case .transferRefused(destination, let words) = failure else {
                Issue.record("\(destination): \(String(describing: failure))")
                continue
            }
            #expect(!words.isEmpty)
        }
        let missing = try await self.failure {
            try await shell.put("/no/such/file", to: source, mode: 0o644, limit: .seconds(60))
        }
        #expect(missing == .couldNotStart(detail: "/no/such/file cannot be read (No such file or directory)"))
        let absent = try await self.failure {
            try await shell.get("/no/such/file", to: "\(self.folder.path)/x", limit: .seconds(60))
        }
        #expect(absent == .transferRefused(path: "/no/such/file", words: "no such file"))
        #expect(self.folder.names == ["source"])
    }
}

/// Flips a bit of what passes, as a bad disk does.
private struct DamagingShell: HostShell {
    let base: LocalShell
    var time: any TimeSource { self.base.time }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        if case .file(let path) = command.input, var data = FileManager.default.contents(atPath: path) {
            data[data.count / 2] ^= 1
            command.input = .bytes(Array(data))
        }
        let result = try await self.base.run(command)
        if case .file(let path) = command.output, var data = FileManager.default.contents(atPath: path) {
            data[data.count / 2] ^= 1
            try? data.write(to: URL(fileURLWithPath: path))
        }
        return result
    }
}
