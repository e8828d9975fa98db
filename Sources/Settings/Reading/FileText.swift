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
        let handle: FileHandle
        do {
            handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        } catch {
            throw Unreadable(description: Self.reason(error))
        }
        defer { try? handle.close() }
        let data: Data
        do {
            data = try handle.read(upToCount: Self.bytesMax + 1) ?? Data()
        } catch {
            throw Unreadable(description: Self.reason(error))
        }
        guard data.count <= Self.bytesMax else {
            throw Unreadable(description: "it has more than \(Self.bytesMax >> 20) MiB")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw Unreadable(description: "it is no UTF-8 text")
        }
        return text
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
