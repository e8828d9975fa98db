import Basis
import Deployer
import Foundation
import Settings
import Testing

/// This machine, with a Kadeploy of files in front. What tests await of it comes through pipes that they make.
private struct FakeKadeploy: HostShell {
    /// Writes what it got, and that it works, and that it was told to stop. Hosts called `bad…` fail, those called `lost…`
    /// are not spoken of; one called `slow…` keeps it from ending, `held…` until somebody writes to the pipe `gate`. With
    /// `killed…` it is killed, with `ended…` the script that began it is told to end.
    private static let client = #"""
        #!/bin/sh
        world=${0%/bin/*}
        trap 'rmdir "$world/busy"' EXIT
        trap 'echo stopped >"$world/stopped"; exit 1' INT
        mkdir "$world/busy" || { trap - EXIT; echo "nodes are already in use"; exit 1; }
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
                held*) echo begun >"$world/begun"; read -r word <"$world/gate"; echo "$node" >>"$ok" ;;
                killed*) kill -KILL $$ ;;
                ended*) kill "$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$PPID/status")"; echo "$node" >>"$ok" ;;
                *) echo "$node" >>"$ok" ;;
            esac
        done <"$nodes"

        """#

    /// Tells that somebody is about to wait, where a test wants to know.
    private static let flock = #"""
        #!/bin/sh
        world=${0%/bin/*}
        [ ! -p "$world/waits" ] || echo waits >"$world/waits"
        PATH=${PATH#*:}
        exec flock "$@"

        """#

    private let base = LocalShell(time: SystemTimeSource())
    let world: ScratchFolder

    var time: any TimeSource { self.base.time }

    init() throws {
        self.world = try ScratchFolder()
        let folder = "\(self.world.path)/bin"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, script) in [("kadeploy3", Self.client), ("flock", Self.flock)] {
            _ = try self.world.write(Array(script.utf8), to: "bin/\(name)")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(name)")
        }
    }

    /// Temporary folders and the home are such of this world.
    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        let world = ShellQuote.word(self.world.path)
        command.script =
            "export HOME=\(world) TMPDIR=\(world) PATH=\(world)/bin:\"$PATH\"\n" + command.script
        return try await self.base.run(command)
    }

    /// What the script awaits comes within its limit, or the test fails.
    func wait(_ script: String) async throws {
        let result = try await self.run(HostCommand(script: script, limit: .seconds(60)))
        try #require(result.isSuccess, "\(script): \(result.ending)")
    }

    func install(_ hosts: [NodeID], limit: Duration = .seconds(600)) async throws -> [NodeID: HostFailure] {
        try await self.installer(limit).install(on: hosts, for: "test")
    }

    func settle() async throws { try await self.installer(.seconds(600)).settle("test") }

    private func installer(_ limit: Duration) -> KadeployInstaller {
        var settings = KadeploySettings(environment: .described(file: "http://example/a b$(id).yaml"))
        settings.key = "/home/jdoe/keys.pub"
        settings.partition = "3"
        settings.vlan = "5"
        settings.limit = limit
        return KadeployInstaller(settings, shell: self)
    }
}

@Suite("The client of Kadeploy, as a script")
struct KadeployClientTests {
    private static func refused(_ words: String) -> HostFailure {
        .refused(step: "an installation by Kadeploy", words: words)
    }

    /// What stays in the home.
    private static let left = [".dvms-kadeploy-test.lock", ".dvms-kadeploy-test.turn"]

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
        #expect(fake.world.names == Self.left + ["bin", "words"], "no temporary folder is left")
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
        await #expect(throws: InstallationFailure.refused(words: "it did not end within 4s, the limit")) {
            // Long enough for it to begin on a machine that has much else to do.
            try await fake.install(["slow-1"], limit: .seconds(4))
        }
        #expect(try fake.world.text("stopped") == "stopped")
        #expect(try await fake.install(["n-1"]).isEmpty)
    }

    @Test("that is killed may leave its server at work")
    func killed() async throws {
        let fake = try FakeKadeploy()
        let words = "it was killed, as when it goes on for 30 s after 10min, the limit; its server may still work"
        await #expect(throws: InstallationFailure.refused(words: words)) { try await fake.install(["killed-1"]) }
        let failures = try await FakeKadeploy().install(["n-1", "killed-1"])
        #expect(failures == ["killed-1": Self.refused(words)])
    }

    @Test("has its folder until its end, and leaves none, when its script is told to end")
    func ended() async throws {
        let fake = try FakeKadeploy()
        await #expect(throws: InstallationFailure.refused(words: "exit status 75")) {
            try await fake.install(["ended-1"])
        }
        #expect(fake.world.names == Self.left + ["bin", "words"])
    }

    @Test("is awaited when an earlier run left it behind; of those that wait the newest has the turn")
    func alone() async throws {
        let fake = try FakeKadeploy()
        try await fake.wait(#"mkfifo "$HOME/waits" "$HOME/begun" "$HOME/gate""#)
        // To the end of what one writes: the next reader would take that for its own.
        let another = #"[ "$(cat "$HOME/waits")" = waits ]"#
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let failures = try await fake.install(["held-1"])
                #expect(failures.isEmpty)
            }
            try await fake.wait(another)
            try await fake.wait(#"[ "$(cat "$HOME/begun")" = begun ]"#)
            group.addTask {
                await #expect(throws: InstallationFailure.overtaken) { try await fake.install(["n-1"]) }
            }
            try await fake.wait(another)
            group.addTask {
                try await fake.settle()
                #expect(!fake.world.names.contains("busy"))
            }
            try await fake.wait(another)
            #expect(fake.world.names.contains("busy"))
            try await fake.wait(#"echo open >"$HOME/gate""#)
            try await group.waitForAll()
        }
    }

    @Test("is not known to have ended where its lock cannot be had")
    func unsettled() async throws {
        let fake = try FakeKadeploy()
        try await fake.settle()
        #expect(fake.world.names == Self.left + ["bin"])
        try await fake.wait(#"rm "$HOME/.dvms-kadeploy-test.lock" && mkdir "$HOME/.dvms-kadeploy-test.lock""#)
        let settled = await #expect(throws: InstallationFailure.self) { try await fake.settle() }
        let installed = await #expect(throws: InstallationFailure.self) { try await fake.install(["n-1"]) }
        for failure in [settled, installed] {
            let words = if case .unsettled(let words) = failure { words } else { "" }
            #expect(words.hasSuffix(", exit status 76"), "\(String(describing: failure))")
        }
        #expect(!fake.world.names.contains("words"))
    }
}
