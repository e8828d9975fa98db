import Foundation

/// Reads text files, with errors that can be shown to an operator.
package enum FileText {
    /// Why a file is not read, in words that follow its name.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    /// The longest file that is read, in bytes: a config file of the largest ring fits.
    private static let bytesMax = 16 << 20

    /// The text of the file at `path`.
    ///
    /// - Throws: ``Unreadable``.
    package static func read(_ path: String) throws -> String {
        let bytes = try Self.bytes(path, atMost: Self.bytesMax + 1)
        guard bytes.count <= Self.bytesMax else {
            throw Unreadable(description: "it has more than \(Self.bytesMax >> 20) MiB")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Unreadable(description: "it is no UTF-8 text")
        }
        return text
    }

    /// The first bytes of the file at `path`.
    ///
    /// - Throws: ``Unreadable``.
    package static func bytes(_ path: String, atMost countMax: Int) throws -> [UInt8] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            return Array(try handle.read(upToCount: countMax) ?? Data())
        } catch {
            throw Unreadable(description: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
        guard cause.domain == NSPOSIXErrorDomain else { return cause.localizedDescription }
        switch POSIXErrorCode(rawValue: Int32(cause.code)) {
        case .ENOENT?: return "there is no such file"
        case .EACCES?: return "permission denied"
        case .EISDIR?: return "it is a folder"
        default: return cause.localizedDescription
        }
    }
}
