import ClusterActors
import Journal
import Transport

/// Why the daemon did not start. The text is for whoever started it.
enum StartError: Error, CustomStringConvertible {
    case journal(JournalError)
    case transport(TransportStartError)
    case ring(RingConfigError)
    case hypervisor(String)
    case controlSocket(path: String, reason: String)
    case directory(path: String, reason: String)

    var description: String {
        switch self {
        case .journal(let error): "journal: \(error)"
        case .transport(let error): "transport: \(error)"
        case .ring(.listedTwice(let node)): "ring: \(node) is listed twice"
        case .ring(.textTooLong(let node)): "ring: the address, site or rack of \(node) is too long"
        case .ring(.tooManyMembers(let count, let limit)): "ring: \(count) nodes; at most \(limit) are possible"
        case .hypervisor(let reason): "hypervisor: \(reason)"
        case .controlSocket(let path, let reason): "control socket \(path): \(reason)"
        case .directory(let path, let reason): "\(path): \(reason)"
        }
    }
}
