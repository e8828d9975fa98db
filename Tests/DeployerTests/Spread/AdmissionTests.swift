import Basis
import Deployer
import Foundation
import Testing

@Suite("Letting another host fetch")
struct AdmissionTests {
    private let scratch: ScratchFolder
    private let shell = LocalShell(time: SystemTimeSource())
    private let file: OfferedFile

    private static let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJilbF0TjfV5VWHssktq/ZzaELPQCyfQ1VrewEKxjSJm"
    private static let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    init() throws {
        self.scratch = try ScratchFolder()
        let source = try self.scratch.write(Self.content, to: "source")
        _ = try self.scratch.write(Array("[127.0.0.1]:2222 \(Self.key)\n".utf8), to: "known_hosts")
        for folder in ["a", "b"] {
            try FileManager.default.createDirectory(
                atPath: "\(self.scratch.path)/\(folder)", withIntermediateDirectories: false)
        }
        self.file = OfferedFile(
            path: source, manifest: try FileManifest(of: source, chunkBytes: 4_096),
            destination: "\(self.scratch.path)/a/file", mode: 0o640)
    }

    private var keysFile: String { "\(self.scratch.path)/ssh/authorized_keys" }
    private var serve: String { "\(self.scratch.path)/a/spread/serve" }

    private func exchange(_ name: String) throws -> FileExchange {
        try FileExchange(
            shell: self.shell,
            place: .init(
                folder: "\(self.scratch.path)/\(name)/spread", mark: "dvms-spread:\(name):",
                authorizedKeysFile: self.keysFile,
                entrance: .init(
                    target: try SSHTarget(host: "127.0.0.1", user: "u", port: 2_222),
                    knownHostsFile: "\(self.scratch.path)/known_hosts")))
    }

    private func admit(_ reader: String, by name: String = "a") async throws -> ExchangeGrant {
        try await self.exchange(name).admit(
            ExchangeReader(name: reader, publicKey: Self.key), to: self.file, within: .seconds(60))
    }

    private func keys() throws -> String { try String(contentsOfFile: self.keysFile, encoding: .utf8) }

    @Test(
        "adds its lines once, and leaves the file as it was, byte by byte, with its mode",
        arguments: [
            "", "ssh-rsa AAAA me@home", "# mine\n\n  ssh-rsa AAAA dvms-spread:a:me\n",
            "restrict,command=\"x\" ssh-rsa AAAA dvms-spread:ab:h1\nrestrict ssh-rsa AAAA dvms-spread:a\n",
        ])
    func restores(before: String) async throws {
        try FileManager.default.createDirectory(
            atPath: "\(self.scratch.path)/ssh", withIntermediateDirectories: false)
        try before.write(toFile: self.keysFile, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: self.keysFile)
        for reader in ["h1", "h2", "h1"] {
            let grant = try await self.admit(reader)
            #expect(grant.hostKeys == ["[127.0.0.1]:2222 \(Self.key)"] && grant.target.port == 2_222)
        }
        _ = try await self.admit("h1", by: "b")
        let during = try self.keys()
        #expect(during.hasSuffix(before) && during.split(separator: "\n").count { $0.hasSuffix(":h1") } >= 2)
        for reader in ["a:h1", "a:h2", "b:h1"] {
            #expect(during.split(separator: "\n").count { $0.hasSuffix("\(Self.key) dvms-spread:\(reader)") } == 1)
        }
        // Each takes away its own only, and may be asked twice.
        for name in ["a", "a", "b"] { try await self.exchange(name).end(within: .seconds(60)) }
        #expect(try self.keys() == before)
        let mode = try FileManager.default.attributesOfItem(atPath: self.keysFile)[.posixPermissions]
        #expect((mode as? NSNumber)?.intValue == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(self.scratch.path)/ssh") == ["authorized_keys"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(self.scratch.path)/a").isEmpty)
    }

    @Test("makes the file and its folder where there is none, and takes both away")
    func makes() async throws {
        _ = try await self.admit("h1")
        let line = "restrict,command=\"exec /bin/sh \(self.serve) 15\" \(Self.key) dvms-spread:a:h1\n"
        #expect(try self.keys() == line)
        try await self.exchange("a").end(within: .seconds(60))
        #expect(self.scratch.names == ["a", "b", "known_hosts", "source"])
    }

    @Test("is refused for names that could say more, and where no folder or no host key is known")
    func refusals() async throws {
        await #expect(throws: HostShellFailure.self) { _ = try await self.admit("h1\" ssh-rsa") }
        await #expect(throws: HostShellFailure.self) { _ = try await self.admit("h1", by: "no/such") }
        #expect(!FileManager.default.fileExists(atPath: "\(self.scratch.path)/no"))
        _ = try self.scratch.write([], to: "known_hosts")
        await #expect(throws: HostShellFailure.self) { _ = try await self.admit("h1") }
        for folder in ["/tmp/a b", "/tmp/$(x)", "/tmp/a\"", ""] {
            #expect(throws: HostShellFailure.self) {
                _ = try FileExchange(shell: self.shell, place: .init(folder: folder, mark: "m:"))
            }
        }
    }

    /// What the script says that other hosts start, to these bytes.
    private func served(_ request: [UInt8]) async throws -> CommandResult {
        try await self.shell.run(
            HostCommand(
                script: #"exec /bin/sh "$1" 1"#, arguments: [self.serve], input: .bytes(request), limit: .seconds(60)))
    }

    @Test("serves chunks of the file to who asks in the right form, one behind the other")
    func serves() async throws {
        _ = try await self.exchange("a").obtain(self.file, as: "a", from: [], within: .seconds(60))
        _ = try await self.admit("h1")
        let digest = self.file.manifest.digest
        let result = try await self.served(Array("\(digest) 00000002\n\(digest) 00000000\n".utf8))
        let expected =
            Array("chunk 00000002 00001808\n".utf8) + Self.content[8_192...] + Array("chunk 00000000 00004096\n".utf8)
            + Self.content[..<4_096]
        #expect(result.ending == .exited(0) && result.output == Array(expected))
        let stranger = String(repeating: "0", count: 64)
        #expect(try await self.served(Array("\(stranger) 00000000\n".utf8)).outputText == "never 00000000 00000000\n")
    }

    @Test(
        "ends at whatever else is asked, and says nothing",
        arguments: [
            "\n", "x", "../../../../../../../../../../../../../../../../../../etc/passwd 00000000\n",
            "DIGEST 0000000x\n", "DIGEST 00000003\n", "DIGEST 99999999\n", "DIGEST  0000000\n", "DIGEST -0000001\n",
            "DIGEST\n00000000\n", "DIGEST $(id>&2)\n",
        ])
    func hostile(request: String) async throws {
        _ = try await self.exchange("a").obtain(self.file, as: "a", from: [], within: .seconds(60))
        _ = try await self.admit("h1")
        let text = request.replacingOccurrences(of: "DIGEST", with: self.file.manifest.digest)
        let result = try await self.served(Array(text.utf8))
        #expect(result.output.isEmpty, "\(result.outputText)")
        #expect(result.ending == .exited(64) || request == "\n", "\(result)")
        let long = try await self.served(Array(repeating: UInt8(ascii: "a"), count: 1 << 20))
        #expect(long.ending == .exited(64) && long.output.isEmpty)
    }
}
