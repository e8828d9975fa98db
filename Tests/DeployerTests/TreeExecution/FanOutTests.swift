import Basis
import Deployer
import Synchronization
import Testing

@Suite("One command on many hosts")
struct FanOutTests {
    @Test("runs it once on each of 200 local connectors, whatever each says")
    func localConnectors() async {
        let time = SystemTimeSource()
        let hosts = (1...200).map { "c\($0)" }
        let fanOut = FanOut { host in NamedShell(name: host, base: LocalShell(time: time)) }
        var reports: [String: HostReport] = [:]
        let script = "echo \"$1\"; [ \"$1\" != c7 ] || exit 9"
        await fanOut.run(HostCommand(script: script, limit: .seconds(120)), on: hosts) { report in
            #expect(reports.updateValue(report, forKey: report.host) == nil)
        }
        #expect(Set(reports.keys) == Set(hosts))
        #expect(reports.values.filter { !$0.isSuccess }.map(\.host) == ["c7"])
        #expect(reports.allSatisfy { $0.value.shownText == $0.key })
        #expect(reports["c7"]?.ending == "exit status 9")
    }

    @Test("has as many commands under way as its window", arguments: [1, 3, 64])
    func window(width: Int) async {
        let counter = Counter()
        let fanOut = FanOut(window: width) { _ in CountingShell(counter: counter) }
        var told = 0
        await fanOut.run(HostCommand(script: "", limit: .seconds(1)), on: (0..<100).map(String.init)) { _ in told += 1 }
        #expect(told == 100 && counter.most <= width)
        #expect(width > 1 || counter.most == 1)
    }

    @Test("says of a host that has no shell why, and goes on with the others")
    func failingShell() async {
        let failure = HostShellFailure.unreachable(host: "b", words: "no route")
        let fanOut = FanOut(window: 2) { host throws(HostShellFailure) in
            if host == "b" { throw failure }
            return CountingShell(counter: Counter())
        }
        var outcomes: [String: Bool] = [:]
        await fanOut.run(HostCommand(script: "", limit: .seconds(1)), on: ["a", "b", "c"]) { report in
            outcomes[report.host] = report.isSuccess
            if report.host == "b" { #expect(report.outcome == .failed(failure)) }
        }
        #expect(outcomes == ["a": true, "b": false, "c": true])
    }

    @Test("folds what hosts said: alike hosts together, what went wrong last")
    func folds() throws {
        func report(_ host: String, _ text: String, _ ending: CommandEnding = .exited(0)) -> HostReport {
            HostReport(host: host, outcome: .ended(CommandResult(ending: ending, output: Array(text.utf8))))
        }
        var cut = CommandResult(ending: .exited(0), output: Array("x".utf8), errors: Array("y\n\n".utf8))
        cut.outputBytesDropped = 12
        let folded = FoldedOutput(
            [report("n9", "no", .exited(1))] + [report("n8", "no", .signalled(9))] + [report("m1", "a\nb\n")]
                + (1...3).map { report("n\($0)", "yes\n") } + [HostReport(host: "m2", outcome: .ended(cut))]
                + [HostReport(host: "z", outcome: .failed(.cancelled)), report("q", "")])
        #expect(
            folded.lines == [
                "n[1-3] (3): yes", "m1 (1):", "  a", "  b", "m2 (1):", "  x", "  y", "  (12 bytes more)", "q (1):",
                "n9 (1), exit status 1: no", "n8 (1), signal 9: no",
                "z (1), not known how it ended: \(HostShellFailure.cancelled)",
            ])
    }
}

private struct NamedShell: HostShell {
    let name: String
    let base: LocalShell
    var time: any TimeSource { self.base.time }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        command.arguments = [self.name]
        return try await self.base.run(command)
    }
}

private final class Counter: Sendable {
    private let state = Mutex((now: 0, most: 0))

    var most: Int { self.state.withLock { $0.most } }

    func change(by difference: Int) {
        self.state.withLock { state in
            state.now += difference
            state.most = max(state.most, state.now)
        }
    }
}

private struct CountingShell: HostShell {
    let counter: Counter
    var time: any TimeSource { SystemTimeSource() }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        self.counter.change(by: 1)
        await Task.yield()
        self.counter.change(by: -1)
        return CommandResult(ending: .exited(0))
    }
}
