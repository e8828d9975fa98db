import GRDB

/// Why the journal cannot be used.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process has it open: a second daemon with the same state folder.
    case inUse(path: String)
    /// The file is not an SQLite database, or is damaged: as a whole, or in one row, which the reason names.
    case damaged(path: String, reason: String)
    /// A newer DVMS wrote it.
    case newerSchema(path: String)
    /// It cannot be opened, read or written; the reason is SQLite's.
    case inaccessible(path: String, reason: String)
    case diskFull(path: String)

    package var description: String {
        switch self {
        case .inUse(let path):
            "\(path) is in use by another daemon; give each its own state_dir"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)); move it away and start again: the daemon then asks its hypervisor and its "
                + "peers what it has forgotten, but pauses, drains and history are lost"
        case .newerSchema(let path):
            "\(path) was written by a newer DVMS; start that, or give this one another state_dir"
        case .inaccessible(let path, let reason):
            "\(path) cannot be used: \(reason); the folder must exist and be writable for the daemon"
        case .diskFull(let path):
            "\(path) cannot grow: the disk is full"
        }
    }

    init(_ error: any Error, path: String) {
        if let damage = error as? DamagedRow {
            self = .damaged(path: path, reason: "\(damage)")
            return
        }
        guard let error = error as? DatabaseError else {
            self = .inaccessible(path: path, reason: "\(error)")
            return
        }
        let reason = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        self =
            switch error.resultCode {
            case .SQLITE_BUSY, .SQLITE_LOCKED: .inUse(path: path)
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path, reason: reason)
            case .SQLITE_FULL: .diskFull(path: path)
            default: .inaccessible(path: path, reason: reason)
            }
    }
}
