import Glibc
import Logging

/// How many files this process may have open: each connection is one, and the usual limit is 1,024.
enum OpenFilesLimit {
    /// Files that are no connections: the journal, the hypervisor's, what threads wait with, output.
    private static let othersMax = 256

    /// Raises the limit as far as this process may, and warns where it stays below what all permitted connections need.
    ///
    /// - Parameter peersMax: How many connections the transport permits.
    static func raise(forPeers peersMax: Int, log: Logger) {
        let needed = rlim_t(peersMax + ControlSocket.connectionsMax + Self.othersMax)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return Self.complain("cannot be read", errno, log) }
        guard limit.rlim_cur < needed else { return }
        let before = limit.rlim_cur
        limit.rlim_cur = min(needed, limit.rlim_max)
        guard setrlimit(resource, &limit) == 0 else { return Self.complain("cannot be raised", errno, log) }
        log.debug("the limit of open files was raised", metadata: ["from": "\(before)", "to": "\(limit.rlim_cur)"])
        guard limit.rlim_cur < needed else { return }
        log.warning(
            """
            the hard limit of open files permits fewer connections than the settings: raise it with LimitNOFILE in a \
            unit of systemd, or ulimit -Hn
            """,
            metadata: ["limit": "\(limit.rlim_cur)", "needed": "\(needed)"])
    }

    private static func complain(_ what: String, _ number: Int32, _ log: Logger) {
        log.warning("the limit of open files \(what)", metadata: ["reason": "\(String(cString: strerror(number)))"])
    }
}
