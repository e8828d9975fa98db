/// Runs one command on many hosts through the heads of an ``ExecutionTree``.
///
/// A head that fails loses only itself: its children, and those that it could not reach, are reached directly. Then a
/// child may run the command a second time, when the head was lost after it had passed it on: the command must bear
/// that, as all commands on hosts must.
package struct TreeRun: Sendable {
    private let tree: ExecutionTree
    private let targets: [String: SSHTarget]
    private let innerOptions: OpenSSHOptions
    private let window: Int
    private let shell: @Sendable (String) async throws(HostShellFailure) -> any HostShell

    /// - Parameters:
    ///   - targets: where each host of the tree is found, from here and from its head.
    ///   - innerOptions: of the ssh of heads: key and known_hosts are files that the user has put there.
    ///   - window: connections from here at once.
    package init(
        _ tree: ExecutionTree, targets: [String: SSHTarget], innerOptions: OpenSSHOptions,
        window: Int = FanOut.windowByDefault,
        shell: @escaping @Sendable (String) async throws(HostShellFailure) -> any HostShell
    ) {
        self.tree = tree
        self.targets = targets
        self.innerOptions = innerOptions
        self.window = window
        self.shell = shell
    }

    /// Calls `told` once for each host, one call after the other.
    package func run(_ command: HostCommand, told: (HostReport) async -> Void) async {
        let relay = Relay(command)
        var left: [String] = []
        await withTaskGroup(of: [(host: String, outcome: HostReport.Outcome?)].self) { group in
            var waiting = self.tree.branches.makeIterator()
            func addNext() {
                guard let branch = waiting.next() else { return }
                group.addTask { await self.outcomes(of: branch, relay, command) }
            }
            for _ in 0..<self.window { addNext() }
            while let outcomes = await group.next() {
                addNext()
                for (host, outcome) in outcomes {
                    if let outcome {
                        await told(HostReport(host: host, outcome: outcome))
                    } else {
                        left.append(host)
                    }
                }
            }
        }
        await FanOut(window: self.window, shell: self.shell).run(command, on: left, told: told)
    }

    /// Of the head and its children; nil where the host is to be reached directly.
    private func outcomes(
        of branch: ExecutionTree.Branch, _ relay: Relay, _ command: HostCommand
    ) async -> [(host: String, outcome: HostReport.Outcome?)] {
        let children = branch.children
        let directly = ([branch.head] + children).map { (host: $0, outcome: HostReport.Outcome?.none) }
        let found = children.compactMap { self.targets[$0] }
        guard !children.isEmpty, found.count == children.count else { return directly }
        do throws(HostShellFailure) {
            let relayed = try relay.command(for: found, options: self.innerOptions)
            let result = try await self.shell(branch.head).run(relayed)
            let answer = relay.answer(in: result.output)
            return directly.indices.map { index in
                let outcome = relay.outcome(of: answer.records[index]) { words in
                    index == 0
                        ? .connectionLost(host: branch.head, words: ShellQuote.shown(words))
                        : SSHComplaint.failure(in: words, of: found[index - 1], options: self.innerOptions)
                }
                return (directly[index].host, outcome.flatMap(Self.settled))
            }
        } catch {
            // The head says for itself why; it is not asked again.
            return [(branch.head, .failed(error))] + directly.dropFirst()
        }
    }

    /// Nothing where the command did not come to the host, as its head could not get in.
    private static func settled(_ outcome: HostReport.Outcome) -> HostReport.Outcome? {
        guard case .failed(let failure) = outcome else { return outcome }
        switch failure {
        case .unreachable, .hostKeyUnknown, .hostKeyChanged, .authenticationRefused: return nil
        case .scriptTooLong, .couldNotStart, .timedOut, .connectionLost, .transferDamaged, .transferRefused, .cancelled:
            return outcome
        }
    }
}
