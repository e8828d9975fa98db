import GRDB

/// Why the records of deployments cannot be used.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process writes, and does not end.
    case busy(path: String)
    /// It is not an SQLite database, or holds what no deployer writes.
    case damaged(path: String, reason: String)
    case newerSchema(path: String)
    case inaccessible(path: String, reason: String)
    case diskFull(path: String)
    /// New guests get no names and addresses.
    case addressing(AddressingError)
    /// The store takes no more: a write before this one failed.
    case stopped

    package var description: String {
        switch self {
        case .busy(let path):
            "\(path) is being written by another process; try again when that is done"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)); move it away, look at the hosts with virsh, and clean them by hand"
        case .newerSchema(let path):
            "\(path) was written by a newer DVMS; use that, or another --state"
        case .inaccessible(let path, let reason):
            "\(path) cannot be used: \(reason); the folder must be writable"
        case .diskFull(let path):
            "\(path) cannot grow: the disk is full; make room, and apply again"
        case .addressing(let error):
            error.description
        case .stopped:
            "the records take no more, because a write before failed; apply again"
        }
    }

    init(_ error: any Error, path: String) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as AddressingError:
            self = .addressing(error)
        case let error as DatabaseError:
            let reason = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
            self =
                switch error.resultCode {
                case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(path: path)
                case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path, reason: reason)
                case .SQLITE_FULL: .diskFull(path: path)
                default: .inaccessible(path: path, reason: reason)
                }
        default:
            self = .inaccessible(path: path, reason: "\(error)")
        }
    }
}
