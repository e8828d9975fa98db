/// Why the socket of a modelled host cannot be served.
package enum ModelledSocketError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A live process listens there.
    case inUse(path: String)
    /// A UNIX socket's path has at most 107 bytes on Linux.
    case pathTooLong(path: String)
    case cannotListen(path: String, reason: String)
    case tooManyConnections(max: Int)

    package var description: String {
        switch self {
        case .inUse(let path): "\(path) is in use by a live process"
        case .pathTooLong(let path): "\(path) is too long for a socket path, which has at most 107 bytes"
        case .cannotListen(let path, let reason): "cannot listen at \(path): \(reason)"
        case .tooManyConnections(let max): "there are \(max) connections already"
        }
    }
}
