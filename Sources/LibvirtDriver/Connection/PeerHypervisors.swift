#if Libvirt
    import Basis
    import CLibvirt
    import Hypervisor
    import Placement
    import Synchronization

    /// Questions to the libvirt daemons of other hosts.
    ///
    /// Opening a connection has no time limit in libvirt: a daemon that is stopped, or a host that swallows packets, holds
    /// the thread for minutes. So each question has a thread to itself, a caller waits only so long, and one host can hold
    /// only ``questionsPerHostMax`` threads.
    final class PeerHypervisors: Sendable {
        static let questionsPerHostMax = 2

        private let settings: LibvirtSettings
        private let lane: CallLane
        private let time: any TimeSource
        /// Questions whose thread has not come back, by URI.
        private let pending = Mutex<[String: Int]>([:])

        init(settings: LibvirtSettings, time: any TimeSource) {
            self.settings = settings
            self.lane = CallLane(name: "libvirt-peers", threadsMax: settings.peerQueriesMax, queuedMax: 0)
            self.time = time
        }

        func close() {
            self.lane.close()
        }

        /// Where `vm` stands on another host.
        func presence(of vm: VMID, at host: MigrationEndpoint) async throws(HypervisorError) -> DomainPresence {
            try await self.ask(host) { connection throws(LibvirtCallError) in
                try connection.presence(of: vm, at: host)
            }
        }

        /// Has another host abort its outgoing migration of `vm`. Nothing happens when there is none.
        func abortMigration(of vm: VMID, at host: MigrationEndpoint) async throws(HypervisorError) {
            try await self.ask(host) { connection throws(LibvirtCallError) in
                try connection.abortOutgoingMigration(of: vm)
            }
        }

        private func ask<Value: Sendable>(
            _ host: MigrationEndpoint,
            _ question: @escaping @Sendable (LibvirtConnection) throws(LibvirtCallError) -> Value
        ) async throws(HypervisorError) -> Value {
            if let refusal = PeerAddress.refusal(of: host, like: self.settings.endpoint) { throw .refused(refusal) }
            let uri = host.uri
            let isAdmitted = self.pending.withLock { pending in
                guard pending[uri, default: 0] < Self.questionsPerHostMax else { return false }
                pending[uri, default: 0] += 1
                return true
            }
            guard isAdmitted else { throw .unreachable("\(uri) still owes answers to earlier questions") }
            let keepAlive = self.settings.keepAlive
            let place = Place { [self] in self.giveBack(uri) }
            return try await self.lane.run(within: self.settings.openTimeout, time: self.time) {
                defer { withExtendedLifetime(place) {} }
                do throws(LibvirtCallError) {
                    let connection = try LibvirtConnection(uri: uri, keepAlive: keepAlive)
                    return connection.result { () throws(LibvirtCallError) in try question(connection) }
                } catch {
                    return .failure(.unreachable(error.message))
                }
            }
        }

        private func giveBack(_ uri: String) {
            self.pending.withLock { pending in
                let left = pending[uri, default: 0] - 1
                pending[uri] = left > 0 ? left : nil
            }
        }
    }
    /// The right to have one question pending, given back when nothing can ask it any more: that may be long after the
    /// caller has left, when the thread comes back, or at once, when no thread was free. A class for its `deinit`.
    private final class Place: Sendable {
        private let giveBack: @Sendable () -> Void

        init(giveBack: @escaping @Sendable () -> Void) {
            self.giveBack = giveBack
        }

        deinit {
            self.giveBack()
        }
    }
#endif
