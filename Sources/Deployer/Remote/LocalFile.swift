import Crypto
import Glibc

/// A file of this machine that is read or written from front to back.
///
/// `Sendable` without a lock: one task at a time uses it, and the kernel keeps the place.
final class LocalFile: Sendable {
    static let hashedPieceBytes = 1_024 * 1_024

    private let path: String
    private let descriptor: Int32

    init(reading path: String) throws(HostShellFailure) {
        self.path = path
        self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else { throw .couldNotStart(detail: "\(path) cannot be read (\(Self.reason))") }
        var status = stat()
        guard fstat(self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(self.descriptor)
            throw .couldNotStart(detail: "\(path) is not a file")
        }
    }

    /// Makes the file, readable to its owner alone, or empties it.
    init(writing path: String) throws(HostShellFailure) {
        self.path = path
        self.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else { throw .couldNotStart(detail: "\(path) cannot be written (\(Self.reason))") }
    }

    deinit {
        close(self.descriptor)
    }

    /// What changes when a file is written to or another one takes its place.
    struct Stamp: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var byteCount: Int
        var modifiedSeconds: Int
        var modifiedNanoseconds: Int
    }

    var stamp: Stamp {
        var status = stat()
        fstat(self.descriptor, &status)
        return Stamp(status)
    }

    /// The next bytes; nil at the end.
    ///
    /// - Parameter offset: from where, without changing what the next bytes are; nil: the next ones.
    func read(upTo count: Int, at offset: Int? = nil) throws(HostShellFailure) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let got =
                if let offset {
                    pread(self.descriptor, buffer.baseAddress, count, off_t(offset))
                } else {
                    Glibc.read(self.descriptor, buffer.baseAddress, count)
                }
            failed = got < 0
            filled = max(0, got)
        }
        guard !failed else { throw .transferRefused(path: self.path, words: Self.reason) }
        return bytes.isEmpty ? nil : bytes
    }

    func write(_ bytes: [UInt8]) throws(HostShellFailure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(self.descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            guard count > 0 else { throw .transferRefused(path: self.path, words: Self.reason) }
            written += count
        }
    }

    /// The SHA-256 of a file's content, in hexadecimal.
    static func digest(of path: String) throws(HostShellFailure) -> String {
        let file = try LocalFile(reading: path)
        var hash = SHA256()
        while let piece = try file.read(upTo: Self.hashedPieceBytes) {
            hash.update(data: piece)
        }
        return Hexadecimal.text(hash.finalize())
    }

    /// What the last system call of this thread complained about.
    private static var reason: String { String(cString: strerror(errno)) }
}

extension LocalFile.Stamp {
    /// Of the file that a path leads to; nil where there is none.
    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    fileprivate init(_ status: stat) {
        self.init(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), byteCount: Int(status.st_size),
            modifiedSeconds: status.st_mtim.tv_sec, modifiedNanoseconds: status.st_mtim.tv_nsec)
    }
}

enum Hexadecimal {
    /// Two lower-case digits a byte.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}

/// What becomes of a write to a process that has closed its input.
enum BrokenPipes {
    /// From here on it is an error of that write, and does not end this process. Processes that it starts are not
    /// changed.
    static func areErrors() {
        _ = self.once
    }

    private static let once: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}
