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

    /// Of a socket's name, hexadecimal digits.
    private static let nameBytes = 16

    /// The same for the same target and key, and of the same length for all.
    package func socket(for target: SSHTarget, options: OpenSSHOptions) -> String {
        let facts = "\(target)\0\(options.identityFile ?? "")\0\(options.knownHostsFile)\0\(options.configFile ?? "")"
        let digest = Hexadecimal.text(SHA256.hash(data: Array(facts.utf8)))
        return "\(self.path)/\(digest.prefix(Self.nameBytes))"
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
