package import Basis

/// Runs commands on this machine, in the same envelope as on others, without ssh.
package struct LocalShell: HostShell {
    package let time: any TimeSource

    package init(time: any TimeSource) {
        self.time = time
    }

    package func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        let envelope = CommandEnvelope(command)
        let process = EnvelopedProcess(
            program: "sh", arguments: Array(envelope.words.dropFirst()), command: command, envelope: envelope,
            time: self.time)
        switch try await process.run() {
        case .ended(let result):
            return result
        case .broken(_, let words):
            throw .connectionLost(host: "this machine", words: ShellQuote.shown(words))
        }
    }
}
