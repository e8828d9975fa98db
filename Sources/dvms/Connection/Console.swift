import Foundation
import Glibc

/// What a command writes: answers on standard output, everything else on standard error.
enum Console {
    static func write(_ text: String) throws(OperatorFailure) {
        try self.write(bytes: Array((text + "\n").utf8))
    }

    /// Bytes as they are.
    static func write(bytes: [UInt8]) throws(OperatorFailure) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            throw OperatorFailure(.failed, "standard output cannot be written: \(error.localizedDescription)")
        }
    }

    /// Nothing can be said of an error that cannot be said.
    static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    static func end(_ status: Int32) -> Never {
        exit(status)
    }
}
