import Basis

/// How ssh is to connect. What is not here is fixed: keys only, known hosts only, nothing forwarded.
package struct OpenSSHOptions: Hashable, Sendable {
    package static let connectLimitByDefault = Duration.seconds(10)

    /// The private key; nil: what the agent of `SSH_AUTH_SOCK` offers, or the user's default keys.
    package var identityFile: String?
    /// The only file that vouches for host keys.
    package var knownHostsFile: String
    /// A config file of ssh's own, for jump hosts and the like; nil: none, the user's is not read either.
    package var configFile: String?
    /// For the TCP connection, in whole seconds, at least one.
    package var connectLimit: Duration

    package init(
        identityFile: String? = nil, knownHostsFile: String, configFile: String? = nil,
        connectLimit: Duration = Self.connectLimitByDefault
    ) throws(HostShellFailure) {
        for path in [identityFile, knownHostsFile, configFile].compactMap({ $0 }) where !Self.isSafe(path) {
            throw .couldNotStart(
                detail: "ssh cannot be given the path '\(ShellQuote.shown(path))'; use one without \", $, \\ and "
                    + "control characters")
        }
        self.identityFile = identityFile
        self.knownHostsFile = knownHostsFile
        self.configFile = configFile
        self.connectLimit = connectLimit
    }

    /// ssh has quotes, variables and escapes of its own in the values of its options.
    private static func isSafe(_ path: String) -> Bool {
        !path.isEmpty
            && path.unicodeScalars.allSatisfy { scalar in
                scalar.properties.generalCategory != .control && !"\"$\\".unicodeScalars.contains(scalar)
            }
    }

    /// Percent signs are ssh's marks for what it fills in; doubled they are themselves.
    private static func value(_ path: String) -> String {
        "\"" + path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%") + "\""
    }

    /// Arguments for every use of ssh with this target, without the target itself.
    package func arguments(for target: SSHTarget) -> [String] {
        let seconds = max(1, (self.connectLimit.inMilliseconds + 999) / 1_000)
        var settings = [
            "BatchMode=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=\(Self.value(self.knownHostsFile))",
            "GlobalKnownHostsFile=none", "UpdateHostKeys=no", "CheckHostIP=no", "PasswordAuthentication=no",
            "KbdInteractiveAuthentication=no", "ConnectTimeout=\(seconds)", "ServerAliveInterval=5",
            "ServerAliveCountMax=3", "TCPKeepAlive=yes", "ForwardAgent=no", "ForwardX11=no",
            "ClearAllForwardings=yes", "PermitLocalCommand=no", "RequestTTY=no", "EscapeChar=none", "LogLevel=INFO",
        ]
        if let identityFile = self.identityFile {
            settings += ["IdentityFile=\(Self.value(identityFile))", "IdentitiesOnly=yes"]
        }
        return ["-F", self.configFile ?? "none"] + settings.flatMap { ["-o", $0] }
            + ["-p", "\(target.port)", "-l", target.user]
    }
}
