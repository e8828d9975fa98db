import Foundation
import Glibc

/// Small files, some of them secret: written whole or not at all, and never readable by others in between.
enum PrivateFiles {
    /// Writes all of `files` (name, text) into `directory`, or none when one exists and `overwrite` is false.
    static func write(
        _ files: [(name: String, text: String, isSecret: Bool)], in directory: String, overwrite: Bool
    ) throws(CertificateAuthorityError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw .unwritable(path: directory, reason: error.localizedDescription)
        }
        for file in files where !overwrite {
            // Asked again by `link` below; here so that nothing is written when the second file is in the way.
            guard !FileManager.default.fileExists(atPath: "\(directory)/\(file.name)") else {
                throw .exists(path: "\(directory)/\(file.name)")
            }
        }
        for file in files {
            try Self.write(
                file.text, to: "\(directory)/\(file.name)", mode: file.isSecret ? 0o600 : 0o644, overwrite: overwrite)
        }
    }

    static func read(_ path: String) throws(CertificateAuthorityError) -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            throw .missing(path: path)
        } catch {
            throw .unreadable(path: path, reason: error.localizedDescription)
        }
    }

    /// By a temporary file of mode 0600 that takes its name only when it is complete and on disk.
    private static func write(
        _ text: String, to path: String, mode: mode_t, overwrite: Bool
    ) throws(CertificateAuthorityError) {
        var template = Array("\(path).XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: Self.systemReason()) }
        let temporary = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            close(descriptor)
            unlink(temporary)
        }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fchmod(descriptor, mode) == 0,
            fsync(descriptor) == 0
        else { throw .unwritable(path: path, reason: Self.systemReason()) }
        // `link` refuses to replace a file, `rename` does not: no window between the question and the deed.
        guard (overwrite ? rename(temporary, path) : link(temporary, path)) == 0 else {
            throw errno == EEXIST ? .exists(path: path) : .unwritable(path: path, reason: Self.systemReason())
        }
    }

    private static func systemReason() -> String {
        String(cString: strerror(errno))
    }
}

/// IP addresses as certificates hold them: 4 or 16 bytes.
enum IPAddressBytes {
    static func parse(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    static func text(of bytes: [UInt8]) -> String? {
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
