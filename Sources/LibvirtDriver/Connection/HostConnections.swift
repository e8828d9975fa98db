#if Libvirt
    import Hypervisor
    import Synchronization

    /// The connections to one daemon: one that events come through, and one for each call that is being made.
    ///
    /// libvirt allows calls on one connection from many threads, but its client before 10.1 can lose the wake-up by which
    /// a second thread hands its call to the first: the call then waits for the next keepalive message, for seconds. The
    /// same code had a use of freed memory until 10.3 (CVE-2024-4418). Both need two threads on one connection.
    ///
    /// A class because it is where threads find connections that others have left.
    final class HostConnections: Sendable {
        /// Tells of events and of its own loss; no calls are made on it once it is shared.
        let watched: LibvirtConnection
        private let uri: String
        private let keepAlive: KeepAlive
        private let idle = Mutex<[LibvirtConnection]>([])

        /// Connections kept for the next call; more are closed when their call is over.
        static let idleMax = 3

        init(watched: LibvirtConnection, uri: String, keepAlive: KeepAlive) {
            self.watched = watched
            self.uri = uri
            self.keepAlive = keepAlive
        }

        /// Runs `body` with a connection that nobody else uses meanwhile. Blocks.
        func use<Value>(
            _ body: (LibvirtConnection) throws(LibvirtCallError) -> Value
        ) -> Result<Value, HypervisorError> {
            let left = self.idle.withLock { $0.popLast() }
            let connection: LibvirtConnection
            do throws(LibvirtCallError) {
                connection =
                    if let left, left.isAlive { left } else {
                        try LibvirtConnection(uri: self.uri, keepAlive: self.keepAlive)
                    }
            } catch {
                return .failure(.unreachable(error.message))
            }
            let result = connection.result { () throws(LibvirtCallError) in try body(connection) }
            if connection.isAlive {
                self.idle.withLock { idle in
                    if idle.count < Self.idleMax { idle.append(connection) }
                }
            }
            return result
        }
    }
#endif
