import Foundation

/// Reads text files, with errors that can be shown to an operator.
enum FileText {
    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// The longest file that is read, in bytes: a config file of the largest ring fits.
    private static let bytesMax = 16 << 20

    static func read(_ path: String) throws -> String {
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
        let nested = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile?, .fileNoSuchFile?: return "there is no such file"
        case .fileReadNoPermission?: return "permission denied"
        default: return nested?.localizedDescription ?? error.localizedDescription
        }
    }
}
