import Crypto
import Glibc

/// A private folder for the sockets of ssh's shared connections.
package struct ControlFolder: Sendable {
    /// `sun_path` has 108 bytes with its zero, and ssh binds to a longer name first: a dot and 16 characters more.
    package static let pathBytesMax = 104 - 17

    package let path: String

    /// Makes a folder of mode 0700 with a name of its own.
    ///
    /// - Parameter parent: by default `XDG_RUNTIME_DIR`, or else `/tmp`.
    package init(in parent: String? = nil) throws(HostShellFailure) {
        let runtime = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) }
        let folder = parent ?? runtime.flatMap { access($0, W_OK) == 0 ? $0 : nil } ?? "/tmp"
        var template = Array("\(folder)/dvms-ssh-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .couldNotStart(detail: "no folder for ssh's sockets can be made in \(folder)")
        }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard self.path.utf8.count + 1 + Self.nameBytes <= Self.pathBytesMax else {
            rmdir(self.path)
            throw .couldNotStart(detail: "\(folder) is too long a path for sockets; set XDG_RUNTIME_DIR to a shorter")
        }
    }

    /// A folder for connections that outlive the process that made them. It is made if it is not there.
    ///
    /// Whoever reaches a socket reaches the host as its owner does, and who could put one there would be given commands
    /// and their input: so nobody else may get into the folder.
    ///
    /// - Parameter path: the same for all processes of a user, as of ``keptPath(runtimeFolder:)``.
    package init(keptAt path: String) throws(UnusableControlFolder) {
        guard Self.holdsSockets(path) else {
            throw UnusableControlFolder(description: "\(path) is too long a path for sockets, or has % or $ in it")
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw UnusableControlFolder(description: "\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        // Also after making it: what is there by now counts. A link is looked at itself, wherever it leads.
        var status = stat()
        guard lstat(path, &status) == 0 else {
            throw UnusableControlFolder(description: "\(path) is gone again: \(String(cString: strerror(errno)))")
        }
        if let flaw = Self.flaw(of: status) {
            throw UnusableControlFolder(
                description: "ssh connections are kept in \(path), which \(flaw), so that others might use them; find "
                    + "out who made it, and remove it, or set XDG_RUNTIME_DIR to a folder of your own")
        }
        self.path = path
    }

    private static func flaw(of status: stat) -> String? {
        guard status.st_mode & S_IFMT == S_IFDIR else { return "is a link or a file, and no folder" }
        guard status.st_uid == geteuid() else { return "belongs to the user with the number \(status.st_uid)" }
        let mode = status.st_mode & 0o777
        return mode == 0o700 ? nil : "has mode \(String(mode, radix: 8)) instead of 700"
    }

    /// ssh would read percent signs and dollars as marks of what it is to fill in.
    private static func holdsSockets(_ path: String) -> Bool {
        path.utf8.count + 1 + Self.nameBytes <= Self.pathBytesMax && !path.contains(where: { $0 == "%" || $0 == "$" })
    }

    /// Where the connections of this user are kept: in `runtimeFolder`, or else in `/tmp`.
    ///
    /// - Parameter runtimeFolder: `XDG_RUNTIME_DIR`. One of somebody else, as `sudo` may leave it, or one that others
    ///   may write to is not used: they could put another folder in place of ours.
    package static func keptPath(runtimeFolder: String?) -> String {
        let fallback = "/tmp/dvms-ssh-\(geteuid())"
        var status = stat()
        guard let runtimeFolder, runtimeFolder.hasPrefix("/"), stat(runtimeFolder, &status) == 0,
            status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0
        else { return fallback }
        let path = "\(runtimeFolder)/dvms-ssh"
        return Self.holdsSockets(path) ? path : fallback
    }

    /// Of a socket's name, hexadecimal digits.
    private static let nameBytes = 16

    /// The same for the same target, key and what else connections are made by, and of the same length for all.
    ///
    /// A key, a known_hosts file or a config file that was changed or removed is another one: then a connection that
    /// is kept is not used any more.
    package func socket(for target: SSHTarget, options: OpenSSHOptions) -> String {
        // Without a key of its own, ssh asks the agent.
        let agent = options.identityFile == nil ? getenv("SSH_AUTH_SOCK").map { String(cString: $0) } : nil
        let facts = [
            "\(target)", Self.fact(of: options.identityFile), Self.fact(of: options.knownHostsFile),
            Self.fact(of: options.configFile), agent ?? "",
        ]
        let digest = Hexadecimal.text(SHA256.hash(data: Array(facts.joined(separator: "\0").utf8)))
        return "\(self.path)/\(digest.prefix(Self.nameBytes))"
    }

    /// A file's path, and what changes when the file does.
    private static func fact(of file: String?) -> String {
        guard let file else { return "" }
        guard let stamp = LocalFile.Stamp(of: file) else { return file }
        return "\(file) \(stamp.device) \(stamp.inode) \(stamp.byteCount) \(stamp.modifiedSeconds) "
            + "\(stamp.modifiedNanoseconds)"
    }

    /// Whether somebody listens on the socket.
    static func answers(_ socket: String) -> Bool {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    /// Takes the folder away, with what a connection that was not closed left in it.
    package func remove() {
        if let folder = opendir(self.path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(self.path)/\(name)")
            }
            closedir(folder)
        }
        rmdir(self.path)
    }
}

/// Why no connections are kept in a folder, and what to do.
package struct UnusableControlFolder: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}
