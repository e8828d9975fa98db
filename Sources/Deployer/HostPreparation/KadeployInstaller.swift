package import Basis
package import Settings

/// Kadeploy 3's client, `kadeploy3`, as of version 3.3. To Kadeploy a host is called by its id.
package struct KadeployInstaller: SystemInstaller {
    private let settings: KadeploySettings
    private let shell: any HostShell

    /// Of an answer beside the two calls that it may wait for: the end of the client by force, and its output.
    private static let endMargin = Duration.seconds(60)
    /// How many of the last lines of the client's output tell why it ended as it did.
    private static let wordLinesMax = 3
    /// In seconds, from a client's limit until it is ended by force.
    private static let killAfter = 30
    /// With which a script ends that could not wait for its turn, and one whose turn a newer one has.
    private static let noTurnStatus = 76
    private static let overtakenStatus = 77
    /// As `timeout` says that it ended what it ran.
    private static let limitStatus = 124
    private static let killSignal = 9

    /// - Parameter shell: of the machine where the client is.
    package init(_ settings: KadeploySettings, shell: any HostShell) {
        self.settings = settings
        self.shell = shell
    }

    package func install(
        on hosts: [NodeID], for deployment: String
    ) async throws(InstallationFailure) -> [NodeID: HostFailure] {
        let result: CommandResult
        do {
            result = try await self.shell.run(self.command(hosts, deployment))
        } catch {
            throw error == .cancelled ? .cancelled : .unreachable(error)
        }
        try self.confirmTurn(result)
        let done = Self.nodes("ok ", in: result.outputText)
        let failed = Self.nodes("ko ", in: result.outputText)
        let left = hosts.filter { !done.contains($0.name) || failed.contains($0.name) }
        if left.count == hosts.count, !left.contains(where: { failed.contains($0.name) }) {
            throw .refused(words: self.words(result))
        }
        let reasons = Self.reasons(in: result.errorText)
        let silence = self.limitWords(result) ?? "nothing is said of it"
        return left.reduce(into: [:]) { failures, host in
            let words = reasons[host.name] ?? (failed.contains(host.name) ? "no reason given" : silence)
            failures[host] = .refused(step: "an installation by Kadeploy", words: words)
        }
    }

    package func settle(_ deployment: String) async throws(InstallationFailure) {
        let result: CommandResult
        do {
            result = try await self.shell.run(
                HostCommand(script: Self.turn, arguments: [deployment], limit: self.answerLimit))
        } catch {
            throw error == .cancelled ? .cancelled : .unsettled(words: error.description)
        }
        try self.confirmTurn(result)
        guard result.isSuccess else { throw .unsettled(words: self.words(result)) }
    }

    /// Long enough for the client of an earlier run, which may have just begun, and then one more.
    private var answerLimit: Duration { self.settings.limit * 2 + Self.endMargin }

    // MARK: - The command

    /// Ahead of whatever must not be done while a client works. A client has the lock until its end, also when the run
    /// that began it is gone, as it inherits the descriptor. Scripts of such runs may wait as well, and a lock gives no
    /// order: so the newest says in a file that it is, and the others go when they see that.
    private static let turn = #"""
        turn=$HOME/.dvms-kadeploy-$1.turn
        read -r nonce </proc/sys/kernel/random/uuid && printf '%s\n' "$nonce" >"$turn" || exit \#(Self.noTurnStatus)
        # With `command` a shell goes on after an `exec` that failed.
        command exec 9>>"$HOME/.dvms-kadeploy-$1.lock" && flock 9 || exit \#(Self.noTurnStatus)
        [ "$(cat "$turn")" = "$nonce" ] || exit \#(Self.overtakenStatus)

        """#

    /// Hosts come on standard input. Kadeploy refuses hosts on which it works already, hence the turn. Only SIGINT has a
    /// client tell its server to stop. Its output is for people; what became of each host is in the two files. A signal
    /// is heeded when the client has ended: it needs the folder until then.
    private static let script =
        Self.turn + #"""
            limit=$2
            shift 2
            folder=$(mktemp -d) || exit 1
            trap 'rm -rf "$folder"' EXIT
            trap 'exit 75' HUP INT TERM
            cat >"$folder/nodes" && : >"$folder/ok" && : >"$folder/ko" || exit 1
            LC_ALL=C timeout -s INT -k \#(Self.killAfter) "$limit" "$@" -f "$folder/nodes" -o "$folder/ok" -n "$folder/ko" \
                >"$folder/log" 2>&1 </dev/null
            status=$?
            sed 's/^/ok /' "$folder/ok"
            sed 's/^/ko /' "$folder/ko"
            tail -c 65536 "$folder/log" >&2
            # These are this script's own.
            case $status in \#(Self.noTurnStatus) | \#(Self.overtakenStatus)) status=1 ;; esac
            exit "$status"
            """#

    private func command(_ hosts: [NodeID], _ deployment: String) -> HostCommand {
        let limit = self.settings.limit
        let seconds = (limit.inMilliseconds + 999) / 1_000
        return HostCommand(
            script: Self.script, arguments: [deployment, "\(seconds)"] + self.client,
            input: .bytes(hosts.flatMap { Array("\($0.name)\n".utf8) }), limit: self.answerLimit)
    }

    private var client: [String] {
        let settings = self.settings
        var words = ["kadeploy3"]
        switch settings.environment {
        case .recorded(let name, let user): words += ["-e", name] + (user.map { ["-u", $0] } ?? [])
        case .described(let file): words += ["-a", file]
        }
        words += settings.partition.map { ["-p", $0] } ?? []
        words += settings.vlan.map { ["--vlan", $0] } ?? []
        // Without a file it takes those that may log in as its user.
        return words + ["-k"] + (settings.key.map { [$0] } ?? [])
    }

    // MARK: - The answer

    private static func nodes(_ mark: String, in output: String) -> Set<String> {
        Set(
            output.split(whereSeparator: \.isNewline).filter { $0.hasPrefix(mark) }
                .map { String($0.dropFirst(mark.count)) })
    }

    /// Of lines such as `node-1.site (the reason)`.
    private static func reasons(in log: String) -> [String: String] {
        log.split(whereSeparator: \.isNewline).reduce(into: [:]) { reasons, line in
            let parts = line.split(separator: " (", maxSplits: 1)
            guard parts.count == 2, line.hasSuffix(")") else { return }
            reasons[String(parts[0])] = ShellQuote.shown(parts[1].dropLast())
        }
    }

    private func confirmTurn(_ result: CommandResult) throws(InstallationFailure) {
        if result.ending == .exited(Self.noTurnStatus) { throw .unsettled(words: self.words(result)) }
        if result.ending == .exited(Self.overtakenStatus) { throw .overtaken }
    }

    private func words(_ result: CommandResult) -> String {
        if let words = self.limitWords(result) { return words }
        let last = result.errorText.split(whereSeparator: \.isNewline).suffix(Self.wordLinesMax)
            .joined(separator: "; ")
        return last.isEmpty ? "\(result.ending)" : "\(ShellQuote.shown(last)), \(result.ending)"
    }

    /// Nil when the client ended by itself.
    private func limitWords(_ result: CommandResult) -> String? {
        let limit = DurationText.of(self.settings.limit)
        if result.ending == .exited(Self.limitStatus) { return "it did not end within \(limit), the limit" }
        guard result.ending == .signalled(Self.killSignal) else { return nil }
        return "it was killed, as when it goes on for \(Self.killAfter) s after \(limit), the limit; its server may "
            + "still work"
    }
}
