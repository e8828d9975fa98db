/// What ssh says when it ends without the command's end, read as a reason.
///
/// Source: the texts of OpenSSH 7.4 to 10.0 (`sshconnect.c`, `sshconnect2.c`, `clientloop.c`, `mux.c`), which are not
/// translated. What is not known is a lost connection, the case that promises least. A host that lies in its banner
/// only makes the advice worse.
package enum SSHComplaint {
    /// - Parameter words: what ssh wrote on its standard error.
    package static func failure(
        in words: String, of target: SSHTarget, options: OpenSSHOptions
    ) -> HostShellFailure {
        let shown = ShellQuote.shown(words)
        if words.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            return .hostKeyChanged(
                host: target.host, port: target.port, knownHosts: options.knownHostsFile,
                line: self.offendingLine(in: words))
        }
        if words.contains("Host key verification failed") || words.contains("host key is known for") {
            return .hostKeyUnknown(host: target.host, port: target.port, knownHosts: options.knownHostsFile)
        }
        if words.contains("Permission denied (") || words.contains("Too many authentication failures") {
            return .authenticationRefused(user: target.user, host: target.host, words: self.lastLine(of: shown))
        }
        let beforeConnection = [
            "ssh: connect to host", "ssh: Could not resolve hostname", "kex_exchange_identification",
            "Connection timed out during banner exchange", "banner exchange: Connection", "Unable to negotiate",
        ]
        if beforeConnection.contains(where: words.contains) {
            return .unreachable(host: target.host, words: shown)
        }
        return .connectionLost(host: target.host, words: shown)
    }

    /// "Offending ED25519 key in /path/known_hosts:3"
    private static func offendingLine(in words: String) -> Int? {
        words.split(whereSeparator: \.isNewline).first { $0.hasPrefix("Offending ") }
            .flatMap { $0.split(separator: ":").last }
            .flatMap { Int($0.filter(\.isNumber)) }
    }

    private static func lastLine(of shown: String) -> String {
        shown.split(separator: ";").last.map { String($0.drop { $0 == " " }) } ?? shown
    }
}
