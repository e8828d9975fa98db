#if Libvirt
    import Basis
    import CLibvirt
    import Hypervisor
    import Placement

    /// One outgoing migration while it runs: one thread is inside libvirt's migration call, a second one watches it.
    ///
    /// The second thread reads progress, aborts at the time limit or when asked, and gives the answer in place of the
    /// first when that one does not come back. It is a thread and not a task because it must go on when the caller's task
    /// is cancelled: that is when it is needed most.
    ///
    /// Safe because `lock` guards every `var`.
    final class MigrationRun: @unchecked Sendable {
        /// Why a migration is being aborted.
        private enum AbortReason {
            case requested
            case timeLimit

            func error(_ order: MigrationOrder, sayingAlso text: String) -> HypervisorError {
                switch self {
                case .requested: .aborted("aborted on request (\(text))")
                case .timeLimit: .aborted("not done within \(order.limits.timeLimit.inSeconds) s (\(text))")
                }
            }
        }

        /// The result of the migration call, or that it does not come back.
        let answer = Answer<Result<Void, HypervisorError>>()

        private let order: MigrationOrder
        private let flags: MigrationFlags
        private let connections: HostConnections
        private let settings: LibvirtSettings
        private let time: any TimeSource
        private let startedAt: MonotonicInstant
        private let onProgress: @Sendable (MigrationProgress) -> Void

        private let lock = MonotonicCondition()
        private var abortReason: AbortReason?
        private var isOver = false

        init(
            _ order: MigrationOrder, flags: MigrationFlags, connections: HostConnections, settings: LibvirtSettings,
            time: any TimeSource, onProgress: @escaping @Sendable (MigrationProgress) -> Void
        ) {
            self.order = order
            self.flags = flags
            self.connections = connections
            self.settings = settings
            self.time = time
            self.startedAt = time.now
            self.onProgress = onProgress
        }

        /// Has the migration aborted as soon as possible. Returns at once.
        func requestAbort() {
            self.lock.lock()
            if self.abortReason == nil { self.abortReason = .requested }
            self.lock.broadcast()
            self.lock.unlock()
        }

        /// Makes the migration call. Blocks until libvirt says how it ended.
        func perform() -> Result<Void, HypervisorError> {
            let result = self.callLibvirt()
            let abortReason = self.endWatching()
            // What libvirt calls aborted by an operator was aborted by the watching thread.
            guard case .failure(.aborted(let text)) = result, let abortReason else { return result }
            return .failure(abortReason.error(self.order, sayingAlso: text))
        }

        /// Lets the watching thread go.
        ///
        /// - Returns: Why the migration was being aborted, if it was.
        @discardableResult
        private func endWatching() -> AbortReason? {
            self.lock.lock()
            defer { self.lock.unlock() }
            self.isOver = true
            self.lock.broadcast()
            return self.abortReason
        }

        /// To be called when ``perform()`` will not be: lets the watching thread go.
        func end() {
            self.endWatching()
        }

        private func callLibvirt() -> Result<Void, HypervisorError> {
            let result = self.connections.use { connection throws(LibvirtCallError) -> Bool in
                guard let domain = try connection.domain(self.order.ticket.vm) else { return false }
                let parameters = TypedParameters()
                if self.order.limits.bandwidthMiBPerSecond > 0 {
                    let bandwidth = UInt64(self.order.limits.bandwidthMiBPerSecond)
                    try parameters.add(VIR_MIGRATE_PARAM_BANDWIDTH, bandwidth)
                }
                for disk in self.flags.copiedDisks { try parameters.add(VIR_MIGRATE_PARAM_MIGRATE_DISKS, disk) }
                try checked(
                    virDomainMigrateToURI3(
                        domain.pointer, self.order.endpoint.uri, parameters.pointer, UInt32(parameters.count),
                        self.flags.bits))
                return true
            }
            return result.flatMap { $0 ? .success(()) : .failure(.noSuchVM(self.order.ticket.vm)) }
        }

        /// Watches the migration until it is over, or until libvirt is no longer expected to end it. Blocks.
        func watch() {
            var abortingSince: MonotonicInstant?
            while true {
                switch self.look(after: abortingSince == nil ? self.settings.progressInterval : Self.abortInterval) {
                case .over:
                    return
                case .going:
                    self.reportProgress()
                case .toBeAborted:
                    let now = self.time.now
                    let since = abortingSince ?? now
                    abortingSince = since
                    // Again and again: before libvirt has begun the job there is nothing yet that could be aborted.
                    self.abortJob()
                    guard now - since < self.settings.abortGrace else {
                        let grace = self.settings.abortGrace.inSeconds
                        self.answer.give(
                            .failure(.unreachable("libvirt does not end an aborted migration for \(grace) s")))
                        return
                    }
                }
            }
        }

        /// What the watching thread finds.
        private enum Finding {
            case over
            case going
            case toBeAborted
        }

        private static let abortInterval = Duration.milliseconds(100)

        /// Looks after `pause`, or earlier when there is something new to see.
        private func look(after pause: Duration) -> Finding {
            self.lock.lock()
            defer { self.lock.unlock() }
            let wasAborting = self.abortReason != nil
            self.lock.wait(for: pause) { self.isOver || (!wasAborting && self.abortReason != nil) }
            if self.isOver { return .over }
            if self.abortReason == nil, self.time.now - self.startedAt >= self.order.limits.timeLimit {
                self.abortReason = .timeLimit
            }
            return self.abortReason == nil ? .going : .toBeAborted
        }

        private func abortJob() {
            _ = self.connections.use { connection throws(LibvirtCallError) in
                guard let domain = try connection.domain(self.order.ticket.vm) else { return }
                try checked(virDomainAbortJob(domain.pointer))
            }
        }

        private func reportProgress() {
            let report = self.connections.use { connection throws(LibvirtCallError) in
                try connection.domain(self.order.ticket.vm)?.migrationJob()
            }
            guard case .success(.outgoing(let figures)?) = report, figures.iteration > 0 else { return }
            self.onProgress(
                MigrationProgress(
                    elapsed: self.time.now - self.startedAt, sentMiB: Int(figures.processedBytes / 1_048_576),
                    remainingMiB: Int(figures.remainingBytes / 1_048_576), round: Int(clamping: figures.iteration)))
        }
    }
#endif
