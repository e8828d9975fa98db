import ControlProtocol
import Glibc

/// One connection to a daemon's control socket, blocking: whoever asks does one thing after the other.
struct SocketConnection: ~Copyable {
    /// What the system said, in its number and its words.
    struct SystemError: Error, Hashable {
        var number: Int32

        var words: String { String(cString: strerror(self.number)) }
    }

    /// What is read from the socket at a time, in bytes.
    private static let chunkBytes = 64 << 10

    private let descriptor: Int32
    private var splitter = ControlLineSplitter()
    private var pieces: [ControlLineSplitter.Piece] = []

    /// - Parameters:
    ///   - path: of a UNIX socket, at most 107 bytes.
    ///   - timeoutSeconds: how long the other end may take to accept, to read, and to write the next bytes.
    init(path: String, timeoutSeconds: Int) throws(SystemError) {
        self.descriptor = try Self.connected(to: try Self.address(of: path), timeoutSeconds: timeoutSeconds)
    }

    deinit {
        close(self.descriptor)
    }

    private static func address(of path: String) throws(SystemError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { field in
            guard path.utf8.count < field.count else { return false }
            field.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw SystemError(number: ENAMETOOLONG) }
        return address
    }

    private static func connected(to address: sockaddr_un, timeoutSeconds: Int) throws(SystemError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError(number: errno) }
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] { Self.setTimeout(option, of: descriptor, seconds: timeoutSeconds) }
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let error = SystemError(number: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// From now on the other end may take as long as it likes to write.
    func waitForever() {
        Self.setTimeout(SO_RCVTIMEO, of: self.descriptor, seconds: 0)
    }

    private static func setTimeout(_ option: Int32, of descriptor: Int32, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent >= 0 {
                rest = rest.dropFirst(sent)
            } else if errno != EINTR {
                throw SystemError(number: errno)
            }
        }
    }

    /// The next line; nil when the other end has closed.
    mutating func nextPiece() throws(SystemError) -> ControlLineSplitter.Piece? {
        while self.pieces.isEmpty {
            var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
            let count = recv(self.descriptor, &chunk, chunk.count, 0)
            if count == 0 { return nil }
            if count > 0 {
                self.pieces = self.splitter.split(chunk[..<count]).reversed()
            } else if errno != EINTR {
                throw SystemError(number: errno)
            }
        }
        return self.pieces.removeLast()
    }
}
