import Basis

/// What stands for `{node}` and `{host}`, and where a relative path begins.
struct PathTemplate {
    let node: NodeID
    /// The host of the node's address on the ring.
    let host: String
    /// The folder of the config file, with its slash at the end; empty for the working directory.
    let folder: String

    init(node: NodeID, host: String, file: String) {
        self.node = node
        self.host = host
        self.folder = Self.folder(of: file)
    }

    static func folder(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    /// The host as a URI names it: the "%" before the zone of an IPv6 address is escaped (RFC 6874).
    var hostInURI: String { NodeAddress.bracketed(self.host.replacing("%", with: "%25")) }

    /// A URI with its placeholders filled in, and ``hostInURI`` where it says who is addressed.
    func uri(_ text: String) throws(Quantities.Unexpected) -> String {
        try self.filled(text) { before in
            before.hasSuffix("://") || before.hasSuffix("@") ? self.hostInURI : self.host
        }
    }

    /// `text` with its placeholders filled in.
    ///
    /// - Parameter host: says what stands for `{host}` behind a text that is filled in already.
    private func filled(
        _ text: String, host: (String) -> String
    ) throws(Quantities.Unexpected) -> String {
        var filled = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            filled += rest[..<open]
            rest = rest[open...]
            if rest.hasPrefix("{node}") {
                filled += self.node.name
                rest = rest.dropFirst("{node}".count)
            } else if rest.hasPrefix("{host}") {
                filled += host(filled)
                rest = rest.dropFirst("{host}".count)
            } else {
                throw Quantities.Unexpected(expected: "{node} or {host} where a brace opens")
            }
        }
        return filled + rest
    }

    /// A path with its placeholders filled in, and made to begin at the folder of the config file when it is relative.
    func path(_ text: String) throws(Quantities.Unexpected) -> String {
        let filled = try self.filled(try SettingsSection.word(text)) { _ in self.host }
        return filled.hasPrefix("/") ? filled : self.folder + filled
    }

    /// ``path(_:)`` of a UNIX socket, whose length the kernel limits.
    func socketPath(_ text: String) throws(Quantities.Unexpected) -> String {
        let path = try self.path(text)
        guard path.utf8.count <= SettingsLimits.socketPathBytesMax else {
            throw Quantities.Unexpected(
                expected:
                    "a socket path of at most \(SettingsLimits.socketPathBytesMax) bytes (\(path) has \(path.utf8.count))"
            )
        }
        return path
    }
}
