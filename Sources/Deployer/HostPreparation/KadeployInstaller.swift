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
        let done = Self.nodes("ok ", in: result.outputText)
        let failed = Self.nodes("ko ", in: result.outputText)
        let left = hosts.filter { !done.contains($0.name) || failed.contains($0.name) }
        if left.count == hosts.count, !left.contains(where: { failed.contains($0.name) }) {
            throw .refused(words: self.words(result))
        }
        let reasons = Self.reasons(in: result.errorText)
        return left.reduce(into: [:]) { failures, host in
            let words = reasons[host.name] ?? (failed.contains(host.name) ? "no reason given" : "nothing is said of it")
            failures[host] = .refused(step: "an installation by Kadeploy", words: words)
        }
    }

    // MARK: - The command

    /// Hosts come on standard input. A client that an earlier run left behind has the lock until its end: Kadeploy refuses
    /// hosts on which it works already. Only SIGINT has a client tell its server to stop. Its output is for people; what
    /// became of each host is in the two files.
    private static let script = #"""
        exec 9>>"$HOME/.dvms-kadeploy-$1.lock" && flock 9 || exit 1
        limit=$2
        shift 2
        folder=$(mktemp -d) || exit 1
        trap 'rm -rf "$folder"' EXIT
        cat >"$folder/nodes" && : >"$folder/ok" && : >"$folder/ko" || exit 1
        LC_ALL=C timeout -s INT -k 30 "$limit" "$@" -f "$folder/nodes" -o "$folder/ok" -n "$folder/ko" \
            >"$folder/log" 2>&1 </dev/null
        status=$?
        sed 's/^/ok /' "$folder/ok"
        sed 's/^/ko /' "$folder/ko"
        tail -c 65536 "$folder/log" >&2
        exit "$status"
        """#

    private func command(_ hosts: [NodeID], _ deployment: String) -> HostCommand {
        let limit = self.settings.limit
        let seconds = (limit.inMilliseconds + 999) / 1_000
        return HostCommand(
            script: Self.script, arguments: [deployment, "\(seconds)"] + self.client,
            input: .bytes(hosts.flatMap { Array("\($0.name)\n".utf8) }), limit: limit * 2 + Self.endMargin)
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

    private func words(_ result: CommandResult) -> String {
        // As `timeout` says that it ended what it ran.
        if result.ending == .exited(124) {
            return "it did not end within \(DurationText.of(self.settings.limit)), the limit"
        }
        let last = result.errorText.split(whereSeparator: \.isNewline).suffix(Self.wordLinesMax)
        return "\(ShellQuote.shown(last.joined(separator: "; "))), \(result.ending)"
    }
}
