import Basis
import Deployer
import Testing

@Suite("Commands on this machine")
struct LocalShellTests {
    private let shell = LocalShell(time: SystemTimeSource())

    private func run(_ script: String, _ arguments: [String] = [], limit: Duration = .seconds(30)) async throws
        -> CommandResult
    {
        try await self.shell.run(HostCommand(script: script, arguments: arguments, limit: limit))
    }

    @Test("gives arguments as they are, whatever is in them")
    func arguments() async throws {
        let hostile = ["a b", "'", "\"", "$(touch /tmp/x)", "`id`", "\\", "a\nb", "", "*", "é", "-n", "!"]
        let result = try await self.run(#"for a in "$@"; do printf '%s\0' "$a"; done"#, hostile)
        #expect(
            result.outputText.split(separator: "\0", omittingEmptySubsequences: false).dropLast()
                == hostile.map { $0[...] })
    }

    @Test(
        "tells how a command ended",
        arguments: [
            ("true", .exited(0)), ("exit 3", .exited(3)), ("exit 255", .exited(255)), ("exit 124", .exited(124)),
            ("kill -9 $$", .signalled(9)), ("kill -TERM $$", .signalled(15)), ("no-such-program", .exited(127)),
            ("if", .exited(2)),
        ] as [(String, CommandEnding)])
    func endings(script: String, expected: CommandEnding) async throws {
        let result = try await self.run(script)
        #expect(result.ending == expected)
    }

    @Test("keeps output and errors apart, and adds nothing to either")
    func streams() async throws {
        let result = try await self.run("printf out; printf err >&2; kill -9 $$")
        #expect(result.outputText == "out" && result.errorText == "err")
    }

    @Test("gives the command its input, and no more than that")
    func input() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let result = try await self.shell.run(HostCommand(script: "cat", input: .bytes(bytes), limit: .seconds(30)))
        #expect(result.output == bytes)
        let without = try await self.run("cat")
        #expect(without.output.isEmpty && without.isSuccess)
    }

    @Test("does not mind a command that leaves its input unread")
    func unreadInput() async throws {
        let bytes = [UInt8](repeating: 7, count: 4_000_000)
        let result = try await self.shell.run(HostCommand(script: "exit 4", input: .bytes(bytes), limit: .seconds(30)))
        #expect(result.ending == .exited(4))
    }

    @Test("keeps so much of a large output and counts the rest")
    func largeOutput() async throws {
        let script = "head -c 3000000 /dev/zero; head -c 5 /dev/zero >&2"
        let result = try await self.shell.run(HostCommand(script: script, limit: .seconds(30), outputBytesMax: 1_000))
        #expect(result.output.count == 1_000 && result.outputBytesDropped == 2_999_000)
        #expect(result.errors.count == 5 && result.errorBytesDropped == 0)
    }

    @Test("ends a command at its time limit, with all that it started")
    func limit() async throws {
        let folder = try ScratchFolder()
        await #expect(throws: HostShellFailure.timedOut(limit: .seconds(1), mayStillRun: false)) {
            try await self.run(
                "sleep 60 & echo $! >\"$1\"; wait", ["\(folder.path)/pid"], limit: .seconds(1))
        }
        let pid = try folder.text("pid")
        #expect(try await self.run(awaitingEnd, [pid]).isSuccess)
    }

    @Test("is not held up by what a command leaves in the background")
    func background() async throws {
        let result = try await self.run("sleep 600 & echo $!")
        #expect(result.isSuccess)
        // It can still be ended: so the result came before its end.
        #expect(try await self.run("kill \"$1\"", [result.outputText.filter(\.isNumber)]).isSuccess)
    }

    @Test("does not run a script of which only a part arrives")
    func cutScript() async throws {
        let command = HostCommand(script: "echo ran", limit: .seconds(5))
        let whole = CommandEnvelope(command)
        let words = Array(whole.words.dropFirst()).map(ShellQuote.word).joined(separator: " ")
        let cut = String(decoding: try whole.head().dropLast(3), as: UTF8.self)
        let result = try await self.run("printf %s \"$1\" | sh \(words)", [cut])
        #expect(!result.outputText.contains("ran") && result.outputText.contains("999"))
    }

    @Test("says that it was cancelled")
    func cancelled() async throws {
        let shell = self.shell
        // Unstructured, so that it can be cancelled from outside.
        let task = Task { () -> HostShellFailure? in
            do throws(HostShellFailure) {
                _ = try await shell.run(HostCommand(script: "sleep 30", limit: .seconds(40)))
                return nil
            } catch {
                return error
            }
        }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test("lets so many through a turnstile at once, and takes back who is cancelled")
    func turnstile() async throws {
        let turnstile = Turnstile(width: 2)
        let inside = InsideCounter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await turnstile.pass(orThrow: .cancelled) { () async throws(HostShellFailure) in
                        await inside.enter()
                        await Task.yield()
                        await inside.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(await inside.most == 2)
        // Unstructured, so that it can be cancelled from outside.
        let late = Task { try await turnstile.pass(orThrow: .cancelled) { () async throws(HostShellFailure) in } }
        late.cancel()
        _ = await late.result
        try await turnstile.pass(orThrow: .cancelled) { () async throws(HostShellFailure) in }
    }
}

private actor InsideCounter {
    private var now = 0
    private(set) var most = 0

    func enter() {
        self.now += 1
        self.most = max(self.most, self.now)
    }

    func leave() { self.now -= 1 }
}
