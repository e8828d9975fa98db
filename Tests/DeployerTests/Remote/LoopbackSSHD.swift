import Basis
import Deployer
import Foundation
import Glibc
import Synchronization
import Testing

/// A folder that is gone with its owner.
final class ScratchFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/dvms-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(self.path)/\(name)", encoding: .utf8).filter { !$0.isNewline }
    }

    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = "\(self.path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.path).sorted()) ?? [] }
}

/// A script that ends when the process `$1` is gone, or only waits for somebody to look at its status.
let awaitingEnd = #"""
    while state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
    do sleep 0.05; done
    """#

/// A real sshd behind a port of its own on loopback.
///
/// The test's process listens, and starts an `sshd -i` for each connection, so that connections can be counted, and
/// cut after so many bytes. Needs no root: the user of the test logs in with a key made here.
final class LoopbackSSHD: Sendable {
    private struct State {
        var accepted = 0
        var servers: [Process] = []
        var cutAfterBytes: Int?
    }

    /// Many sshd start at once here, on a machine that may be busy.
    static let connectLimit = Duration.seconds(60)

    let folder: ScratchFolder
    let port: Int
    private let listener: Listener
    private let state = Mutex(State())

    /// - Parameter loginPrints: a word that comes on both streams before any command, as start-up files of a login shell may
    ///   print; nil: nothing.
    init(loginPrints: String? = nil) throws {
        self.folder = try ScratchFolder()
        for key in ["host-key", "user-key", "other-key"] {
            try Self.runKeygen(["-q", "-t", "ed25519", "-N", "", "-f", "\(self.folder.path)/\(key)"])
        }
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        let start = loginPrints.map { "ForceCommand echo \($0); echo \($0) >&2; eval \"$SSH_ORIGINAL_COMMAND\"" } ?? ""
        // SHLVL keeps bash from reading the .bashrc of whoever runs the tests, which may print anything.
        try """
        HostKey \(self.folder.path)/host-key
        AuthorizedKeysFile \(self.folder.path)/user-key.pub
        PidFile none
        StrictModes no
        UsePAM no
        SetEnv SHLVL=2
        PermitRootLogin yes
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        \(start)
        """.write(toFile: "\(self.folder.path)/config", atomically: true, encoding: .utf8)
        self.listener = try Listener()
        self.port = self.listener.port
        try self.vouch(for: "host-key")
        let thread = Thread { [weak self, listener] in
            while case let client = accept(listener.descriptor, nil, nil), client >= 0 {
                guard let self else {
                    close(client)
                    break
                }
                self.serve(client)
            }
        }
        thread.start()
    }

    deinit {
        self.stopListening()
        self.killServers()
    }

    /// Connections so far.
    var accepted: Int { self.state.withLock { $0.accepted } }

    func stopListening() { shutdown(self.listener.descriptor, Int32(SHUT_RDWR)) }

    func killServers() {
        for server in self.state.withLock({ $0.servers }) where server.isRunning {
            kill(server.processIdentifier, SIGKILL)
        }
    }

    /// The next connections break when they have carried this many bytes to the server.
    func cut(afterBytes bytes: Int?) { self.state.withLock { $0.cutAfterBytes = bytes } }

    /// Makes `known_hosts` say that this key is the host's.
    func vouch(for key: String) throws {
        let line = try self.folder.text("\(key).pub")
        try "[127.0.0.1]:\(self.port) \(line)\n".write(
            toFile: "\(self.folder.path)/known_hosts", atomically: true, encoding: .utf8)
    }

    func target() throws -> SSHTarget {
        let user = String(cString: try #require(getpwuid(geteuid())).pointee.pw_name)
        return try SSHTarget(host: "127.0.0.1", user: user, port: self.port)
    }

    func options(key: String = "user-key") throws -> OpenSSHOptions {
        try OpenSSHOptions(
            identityFile: "\(self.folder.path)/\(key)", knownHostsFile: "\(self.folder.path)/known_hosts",
            connectLimit: LoopbackSSHD.connectLimit)
    }

    func shell(
        key: String = "user-key", sharing: ConnectionSharing = .alone, time: any TimeSource = SystemTimeSource()
    ) throws -> OpenSSHShell {
        OpenSSHShell(to: try self.target(), options: try self.options(key: key), sharing: sharing, time: time)
    }

    // MARK: - Inside

    private static func runKeygen(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/ssh-keygen")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    private func serve(_ client: Int32) {
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            close(client)
            return
        }
        let connection = Connection(client: client, server: pair[0])
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/sbin/sshd")
        server.arguments = ["-i", "-f", "\(self.folder.path)/config", "-E", "\(self.folder.path)/log"]
        let end = FileHandle(fileDescriptor: pair[1], closeOnDealloc: true)
        server.standardInput = end
        server.standardOutput = end
        let cut = self.state.withLock { state in
            state.accepted += 1
            return state.cutAfterBytes
        }
        guard (try? server.run()) != nil else { return }
        try? end.close()
        self.state.withLock { $0.servers.append(server) }
        Thread { connection.pump(towardsServer: true, bytesMax: cut ?? .max) }.start()
        Thread { connection.pump(towardsServer: false, bytesMax: .max) }.start()
    }
}

/// A socket that listens on loopback. It is closed when neither its server nor the thread that accepts has it any more: by
/// then its number may be another's, whose connections would be taken.
private final class Listener: Sendable {
    let descriptor: Int32
    let port: Int

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, size) == 0 && listen(descriptor, 128) == 0
                    && getsockname(descriptor, raw, &size) == 0
            }
        }
        self.descriptor = descriptor
        self.port = Int(UInt16(bigEndian: address.sin_port))
        try #require(bound)
    }

    deinit {
        close(self.descriptor)
    }
}

/// Two sockets that are shut together, and closed with the last pump.
private final class Connection: Sendable {
    private let client: Int32
    private let server: Int32

    init(client: Int32, server: Int32) {
        self.client = client
        self.server = server
    }

    deinit {
        close(self.client)
        close(self.server)
    }

    func pump(towardsServer: Bool, bytesMax: Int) {
        let (source, destination) = towardsServer ? (self.client, self.server) : (self.server, self.client)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var left = bytesMax
        while left > 0, case let count = recv(source, &buffer, min(buffer.count, left), 0), count > 0 {
            var sent = 0
            while sent < count {
                let more = buffer[sent..<count].withUnsafeBytes { bytes in
                    send(destination, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break }
                sent += more
            }
            guard sent == count else { break }
            left -= count
        }
        shutdown(self.client, Int32(SHUT_RDWR))
        shutdown(self.server, Int32(SHUT_RDWR))
    }
}
