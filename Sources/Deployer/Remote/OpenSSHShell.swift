package import Basis
import Glibc
import Subprocess

/// Runs commands on one host through the system's `ssh`.
///
/// Whether they share a connection, which is ssh's "master", and with whom, says ``ConnectionSharing``.
package actor OpenSSHShell: HostShell {
    /// A server allows ten sessions on one connection (`MaxSessions` of sshd_config); two are left to others.
    package static let sessionsMax = 8

    /// A connection of this process that nobody uses ends itself after this, also when the process was killed.
    private static let idleMax = Duration.seconds(60)
    /// What ssh says before it gives up is a few lines.
    private static let wordsBytesMax = 64 * 1_024

    package nonisolated let target: SSHTarget
    package nonisolated let time: any TimeSource
    private let options: OpenSSHOptions
    private let sharing: ConnectionSharing
    /// Of the shared connection; nil: every command connects by itself.
    private let socket: String?
    private let sessions = Turnstile(width: OpenSSHShell.sessionsMax)
    private let opening = Turnstile(width: 1)

    package init(to target: SSHTarget, options: OpenSSHOptions, sharing: ConnectionSharing, time: any TimeSource) {
        self.target = target
        self.options = options
        self.sharing = sharing
        self.socket = sharing.folder?.socket(for: target, options: options)
        self.time = time
    }

    package func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        try await self.sessions.pass(orThrow: .cancelled) { () async throws(HostShellFailure) in
            let began = self.time.now
            if case .master = self.sharing, let socket = self.socket { try await self.connect(through: socket) }
            var result = try await self.carry(command)
            result.duration = self.time.now - began
            return result
        }
    }

    private func carry(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        let envelope = CommandEnvelope(command)
        let process = EnvelopedProcess(
            program: "ssh",
            arguments: self.options.arguments(for: self.target) + self.sharing.arguments(through: self.socket)
                + ["--", self.target.host, "exec \(ShellQuote.words(envelope.words))"],
            command: command, envelope: envelope, time: self.time)
        switch try await process.run() {
        case .ended(let result): return result
        case .broken(_, let words):
            throw SSHComplaint.failure(in: words, of: self.target, options: self.options)
        }
    }

    // MARK: - The shared connection

    /// Makes the shared connection unless it is there.
    private func connect(through socket: String) async throws(HostShellFailure) {
        try await self.opening.pass(orThrow: .cancelled) { () async throws(HostShellFailure) in
            if ControlFolder.answers(socket) { return }
            // What a killed master left behind would keep the new one from listening.
            unlink(socket)
            let arguments =
                ["-M", "-N", "-f", "-S", socket] + ConnectionSharing.ending(after: Self.idleMax)
                + ["--", self.target.host]
            let words = try await self.ssh(arguments, within: self.options.connectLimit * 2)
            guard words == nil else {
                throw SSHComplaint.failure(in: words ?? "", of: self.target, options: self.options)
            }
        }
    }

    /// Ends the shared connection, also one that is kept, and what runs through it.
    package func close() async {
        guard let socket = self.socket, ControlFolder.answers(socket) else { return }
        // A master that does not answer ends itself when its host is silent, or when it is idle.
        _ = try? await self.ssh(["-O", "exit", "-S", socket, "--", self.target.host], within: .seconds(5))
    }

    /// Runs ssh for its own sake.
    ///
    /// - Returns: what it complained about; nil when it is content.
    private func ssh(_ arguments: [String], within limit: Duration) async throws(HostShellFailure) -> String? {
        let all = self.options.arguments(for: self.target) + arguments
        let time = self.time
        let answer = await withTaskGroup(of: Result<String?, HostShellFailure>?.self) { group in
            group.addTask {
                do {
                    let run = try await Subprocess.run(
                        .name("ssh"), arguments: Arguments(all), output: .discarded,
                        error: .bytes(limit: Self.wordsBytesMax))
                    let words = String(decoding: run.standardError, as: UTF8.self)
                    return .success(run.terminationStatus.isSuccess ? nil : words)
                } catch {
                    return .failure(.couldNotStart(detail: "ssh did not run: \(ShellQuote.shown("\(error)"))"))
                }
            }
            group.addTask {
                guard (try? await time.sleep(for: limit)) != nil else { return nil }
                return .success("ssh: connect to host: no answer within \(limit.inMilliseconds) ms")
            }
            defer { group.cancelAll() }
            while let result = await group.next() {
                if let result { return result }
            }
            return .failure(.cancelled)
        }
        if Task.isCancelled { throw .cancelled }
        return try answer.get()
    }
}
