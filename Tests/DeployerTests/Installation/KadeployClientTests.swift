import Basis
import Deployer
import Foundation
import Settings
import Testing

/// This machine, with a Kadeploy of files in front.
private struct FakeKadeploy: HostShell {
    /// Writes what it got, and that it works, and that it was told to stop. Hosts called `bad…` fail, those called `lost…`
    /// are not spoken of; one called `slow…` keeps it from ending.
    private static let client = #"""
        #!/bin/sh
        world=${0%/bin/*}
        mkdir "$world/busy" || { echo "nodes are already in use"; exit 1; }
        trap 'rmdir "$world/busy"' EXIT
        trap 'echo stopped >"$world/stopped"; exit 1' INT
        [ ! -e "$world/down" ] || { echo "The server is unreachable"; exit 1; }
        for word in "$@"; do case $word in */nodes | */ok | */ko) ;; *) printf '%s\n' "$word" ;; esac; done >"$world/words"
        while [ $# -gt 0 ]; do
            case $1 in -f) nodes=$2 ;; -o) ok=$2 ;; -n) ko=$2 ;; esac
            shift
        done
        echo "Deployment #D-1 started"
        while read -r node; do
            case $node in
                bad*) echo "$node" >>"$ko"; echo "$node (BootNewEnv: no answer)" ;;
                lost*) ;;
                slow*) sleep 600 ;;
                *) echo "$node" >>"$ok" ;;
            esac
        done <"$nodes"

        """#

    private let base = LocalShell(time: SystemTimeSource())
    let world: ScratchFolder

    var time: any TimeSource { self.base.time }

    init() throws {
        self.world = try ScratchFolder()
        let folder = "\(self.world.path)/bin"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try self.world.write(Array(Self.client.utf8), to: "bin/kadeploy3")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/kadeploy3")
    }

    /// Temporary folders and the home are such of this world.
    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        let world = ShellQuote.word(self.world.path)
        command.script =
            "export HOME=\(world) TMPDIR=\(world) PATH=\(world)/bin:\"$PATH\"\n" + command.script
        return try await self.base.run(command)
    }

    func install(_ hosts: [NodeID], limit: Duration = .seconds(600)) async throws -> [NodeID: HostFailure] {
        var settings = KadeploySettings(environment: .described(file: "http://example/a b$(id).yaml"))
        settings.key = "/home/jdoe/keys.pub"
        settings.partition = "3"
        settings.vlan = "5"
        settings.limit = limit
        return try await KadeployInstaller(settings, shell: self).install(on: hosts, for: "test")
    }
}

@Suite("The client of Kadeploy, as a script")
struct KadeployClientTests {
    private static func refused(_ words: String) -> HostFailure {
        .refused(step: "an installation by Kadeploy", words: words)
    }

    @Test("gets hosts, environment, key, partition and VLAN, and its files tell what became of each host")
    func outcome() async throws {
        let fake = try FakeKadeploy()
        let failures = try await fake.install(["n-1.site", "bad-1.site", "lost-1.site", "n-2.site"])
        #expect(
            failures == [
                "bad-1.site": Self.refused("BootNewEnv: no answer"),
                "lost-1.site": Self.refused("nothing is said of it"),
            ])
        let words = try String(contentsOfFile: "\(fake.world.path)/words", encoding: .utf8)
        #expect(
            words.split(separator: "\n") == [
                "-a", "http://example/a b$(id).yaml", "-p", "3", "--vlan", "5", "-k", "/home/jdoe/keys.pub", "-f", "-o",
                "-n",
            ])
        #expect(fake.world.names == [".dvms-kadeploy-test.lock", "bin", "words"], "no temporary folder is left")
    }

    @Test("that fails as a whole, or is not there, is told apart from hosts that fail")
    func refusal() async throws {
        let fake = try FakeKadeploy()
        _ = try fake.world.write([], to: "down")
        await #expect(throws: InstallationFailure.refused(words: "The server is unreachable, exit status 1")) {
            try await fake.install(["n-1"])
        }
        try FileManager.default.removeItem(atPath: "\(fake.world.path)/bin/kadeploy3")
        let missing = await #expect(throws: InstallationFailure.self) { try await fake.install(["n-1"]) }
        #expect(missing?.description.contains("kadeploy3") == true && missing?.description.contains("127") == true)
    }

    @Test("that does not end is told to stop its server's work, and then the hosts are free")
    func limit() async throws {
        let fake = try FakeKadeploy()
        await #expect(throws: InstallationFailure.refused(words: "it did not end within 1s, the limit")) {
            try await fake.install(["slow-1"], limit: .seconds(1))
        }
        #expect(try fake.world.text("stopped") == "stopped")
        #expect(try await fake.install(["n-1"]).isEmpty)
    }

    @Test("waits for one that an earlier run of the deployment left behind")
    func alone() async throws {
        let fake = try FakeKadeploy()
        try await withThrowingTaskGroup(of: [NodeID: HostFailure].self) { group in
            for _ in 1...4 { group.addTask { try await fake.install(["n-1", "n-2"]) } }
            for try await failures in group { #expect(failures.isEmpty) }
        }
    }
}
