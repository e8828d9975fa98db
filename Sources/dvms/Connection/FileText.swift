import Foundation

/// Reads text files, with errors that can be shown to an operator.
enum FileText {
    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// The longest file that is read, in bytes: a config file of the largest ring fits.
    private static let bytesMax = 16 << 20

    static func read(_ path: String) throws -> String {
        let bytes = try Self.bytes(path, atMost: Self.bytesMax + 1)
        guard bytes.count <= Self.bytesMax else {
            throw Unreadable(description: "it has more than \(Self.bytesMax >> 20) MiB")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Unreadable(description: "it is no UTF-8 text")
        }
        return text
    }

    /// The first bytes of a file; `-` is standard input.
    static func bytes(_ path: String, atMost countMax: Int) throws -> [UInt8] {
        do {
            let isInput = path == "-"
            let handle =
                isInput ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { if !isInput { try? handle.close() } }
            return Array(try handle.read(upToCount: countMax) ?? Data())
        } catch {
            throw Unreadable(description: Self.reason(error))
        }
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
