/// Where ssh connects to, and as whom. Only texts that ssh cannot take for anything else.
package struct SSHTarget: Hashable, Sendable, CustomStringConvertible {
    package static let portByDefault = 22

    /// A host name or an IP address, without brackets.
    package let host: String
    package let user: String
    /// 1...65535.
    package let port: Int

    package init(
        host: String, user: String, port: Int = Self.portByDefault
    ) throws(InvalidSSHTarget) {
        guard Self.isSafe(host, alsoWith: ".:%_-"), host.utf8.count <= 253 else { throw .host(host) }
        guard Self.isSafe(user, alsoWith: "._-"), user.utf8.count <= 32 else { throw .user(user) }
        guard (1...65_535).contains(port) else { throw .port(port) }
        self.host = host
        self.user = user
        self.port = port
    }

    /// ASCII letters and digits, and of the others those given, but never a dash at the front: that would be an option.
    private static func isSafe(_ text: String, alsoWith others: String) -> Bool {
        !text.isEmpty && text.first != "-"
            && text.unicodeScalars.allSatisfy { scalar in
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                    || others.unicodeScalars.contains(scalar)
            }
    }

    package var description: String { "\(self.user)@\(self.host):\(self.port)" }
}

/// Why there is no such target.
package enum InvalidSSHTarget: Error, Hashable, Sendable, CustomStringConvertible {
    case host(String)
    case user(String)
    case port(Int)

    package var description: String {
        switch self {
        case .host(let text):
            "'\(ShellQuote.shown(text))' is no host: give a name or an IP address, of at most 253 letters, digits, "
                + "'.', ':', '%', '_' and '-'"
        case .user(let text):
            "'\(ShellQuote.shown(text))' is no user: give at most 32 letters, digits, '.', '_' and '-'"
        case .port(let port):
            "\(port) is no port: give one of 1 to 65535"
        }
    }
}
