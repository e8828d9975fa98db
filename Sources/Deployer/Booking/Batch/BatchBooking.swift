package import Basis
package import Settings

/// Books the hosts of a job that a batch system runs for the deployment: one job, for as long as the deployment is there.
///
/// The job is on record before it is submitted, under a name that no other job has. So a run that was stopped at any
/// instant leaves a job that the next one finds, and none is submitted twice.
package struct BatchBooking: Booking {
    private let client: any BatchClient
    private let shell: any HostShell
    private let settings: BatchSettings
    private let store: any DeploymentStore
    private let time: any TimeSource
    private let ledger: InventoryBooking

    /// Between two looks at a job that does not run yet.
    package static let lookInterval = Duration.seconds(5)
    /// As many looks in a row may fail before the wait is given up.
    package static let lookFailuresMax = 5
    /// A submission that was left alone has come about by then, or never will: its client's limit, the end by force, and
    /// ten seconds for the batch system to show the job.
    package static let lateSubmissionMax = HostCommand.clientLimit + CommandEnvelope.killGrace + .seconds(10)

    /// - Parameter shell: of the machine where the clients of the batch system are.
    package init(
        _ settings: BatchSettings, shell: any HostShell, store: any DeploymentStore, time: any TimeSource
    ) {
        self.client =
            switch settings.asks {
            case .oar(let oar): OARClient(oar, begin: settings.begin)
            case .slurm(let slurm): SlurmClient(slurm, begin: settings.begin)
            }
        self.shell = shell
        self.settings = settings
        self.store = store
        self.time = time
        self.ledger = InventoryBooking(store: store, time: time)
    }

    package func book(_ request: BookingRequest) async throws(BookingFailure) -> [HostRecord] {
        try await self.ledger.book(request)
    }

    package func open(
        _ request: HostsRequest, told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> HostsOffer {
        let record = try await self.load(request.deployment)
        let hasHosts = record?.hosts.isEmpty == false
        do throws(BookingFailure) {
            let (job, number) = try await self.submitted(request, record?.job, told)
            return try await self.started(job, number, request, hasHosts: hasHosts, told)
        } catch {
            // A job on whose hosts the fleet may run stays, whatever stops this run.
            if hasHosts { throw error }
            switch error {
            case .cancelled: throw try await self.giveUp(request.deployment) { .cancelled($0) }
            case .waitedTooLong:
                let limit = DurationText.of(self.settings.waitMax)
                throw try await self.giveUp(request.deployment) { job in
                    job.map { .waitedTooLong($0, limit: limit) } ?? .cancelled(nil)
                }
            default: throw error
            }
        }
    }

    // MARK: - Submission

    /// The deployment's job and its number; submitted unless it is there.
    private func submitted(
        _ request: HostsRequest, _ known: JobRecord?, _ told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> (JobRecord, Int) {
        if let known, let number = known.number {
            if case .queued = known.state { told(.found(self.jobName(number))) }
            return (known, number)
        }
        if let known, let job = try await self.liveOrLate(known, told).first {
            told(.found(self.jobName(job.number)))
            return try await self.note(.queued(number: job.number), known, request.deployment)
        }
        if Task.isCancelled { throw .cancelled(nil) }
        let job =
            known
            ?? JobRecord(
                system: self.client.system,
                name: JobRecord.name(of: request.deployment, wallMilliseconds: self.time.wallClockMilliseconds),
                hosts: request.count)
        if known == nil { try await self.record([.job(job)], request.deployment) }
        let number = try await self.submit(job, request)
        told(.submitted(self.jobName(number)))
        return try await self.note(.queued(number: number), job, request.deployment)
    }

    /// Nothing of an earlier submission is under way.
    private func submit(
        _ job: JobRecord, _ request: HostsRequest
    ) async throws(BookingFailure) -> Int {
        // A walltime is at least a minute; what is finer than a second is given, not taken.
        let seconds = (request.walltime.inMilliseconds + 999) / 1_000
        let command = self.client.submission(
            BatchSubmission(name: job.name, hosts: job.hosts, walltimeSeconds: seconds))
        let shell = self.shell
        let result: CommandResult
        do throws(HostShellFailure) {
            // To its end: a submission that was left alone might come about after the look for its job.
            result = try await Self.uninterrupted { () async throws(HostShellFailure) in try await shell.run(command) }
        } catch {
            if error.meansNotRun { try await self.record([.jobGone(job)], request.deployment) }
            throw .unreachable(self.client.system, error)
        }
        guard result.isSuccess else {
            // An advance reservation may be refused after it was given a number.
            try await self.delete(try await self.live(job.name).map(\.number))
            try await self.record([.jobGone(job)], request.deployment)
            throw .refused(self.client.system, words: Self.words(result))
        }
        do {
            return try self.client.number(inSubmission: result.outputText)
        } catch {
            guard let number = try await self.live(job.name).first?.number else {
                throw .unreadable(self.client.system, error)
            }
            return number
        }
    }

    private func note(
        _ state: JobRecord.State, _ job: JobRecord, _ deployment: String
    ) async throws(BookingFailure) -> (JobRecord, Int) {
        var job = job
        job.state = state
        guard let number = job.number else { preconditionFailure("a job is noted by its number") }
        try await self.record([.job(job)], deployment)
        return (job, number)
    }

    // MARK: - The wait

    private func started(
        _ job: JobRecord, _ number: Int, _ request: HostsRequest, hasHosts: Bool,
        _ told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> HostsOffer {
        let name = self.jobName(number)
        let deadline = self.time.now + self.settings.waitMax
        var failures = 0
        var last: BatchJob?
        while true {
            do throws(BookingFailure) {
                let seen = try await self.look(job, number)
                failures = 0
                switch seen.state {
                case .running:
                    return try await self.offer(seen, job, request, told)
                case .ended:
                    if hasHosts { throw .ended(name, words: seen.words) }
                    try await self.record([.jobGone(job)], request.deployment)
                    throw .endedUnused(name, words: seen.words)
                case .waiting:
                    // It was put back into the queue: its hosts are another's.
                    if hasHosts { throw .ended(name, words: seen.words) }
                    if last.map(seen.isNews(since:)) ?? true {
                        told(.waiting(name, words: seen.words, startsMilliseconds: seen.startsMilliseconds))
                        last = seen
                    }
                }
            } catch {
                failures += 1
                guard error.isPassing, failures < Self.lookFailuresMax else { throw error }
            }
            let next = self.time.now + Self.lookInterval
            guard next <= deadline else { throw .waitedTooLong(name, limit: DurationText.of(self.settings.waitMax)) }
            guard (try? await self.time.sleep(until: next)) != nil else { throw .cancelled(name) }
        }
    }

    /// The job as it is now. Others of its name are deleted: a run that was killed while it submitted may have left one
    /// that came after the look for it.
    private func look(_ job: JobRecord, _ number: Int) async throws(BookingFailure) -> BatchJob {
        let jobs = try await self.jobs(job.name)
        try await self.delete(jobs.filter { $0.number != number && $0.state != .ended }.map(\.number))
        return jobs.first { $0.number == number }
            ?? BatchJob(number: number, state: .ended, words: "\(self.client.system.title) no longer knows it")
    }

    private func offer(
        _ seen: BatchJob, _ job: JobRecord, _ request: HostsRequest, _ told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> HostsOffer {
        let name = self.jobName(seen.number)
        let places = InventoryNames(request.inventory)
        var hosts: [FleetHost] = []
        for host in seen.hosts {
            guard let place = places.host(host, self.settings) else { throw .badHostName(name, host) }
            hosts.append(place)
        }
        if job.state != .running(number: seen.number) {
            _ = try await self.note(.running(number: seen.number), job, request.deployment)
            told(.started(name, hosts: hosts.count))
        }
        let ends = self.time.wallClockMilliseconds.addingSaturating(UInt64(clamping: request.walltime.inMilliseconds))
        return HostsOffer(hosts: hosts, untilMilliseconds: seen.endsMilliseconds ?? ends)
    }

    // MARK: - The end

    package func isOver(_ deployment: String) async throws(BookingFailure) -> Bool {
        guard let job = try await self.load(deployment)?.job else { return false }
        return try await self.live(job.name).isEmpty
    }

    package func release(
        _ deployment: String, told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) {
        guard let job = try await self.load(deployment)?.job else { return }
        try await self.forget(job, try await self.liveOrLate(job, told), deployment)
    }

    /// The live jobs of this name; of a submission that may still be under way, those that come of it: a run that was
    /// killed leaves the client running.
    private func liveOrLate(
        _ job: JobRecord, _ told: @Sendable (BookingEvent) -> Void
    ) async throws(BookingFailure) -> [BatchJob] {
        let live = try await self.live(job.name)
        guard live.isEmpty, job.state == .asked else { return live }
        told(.mayStillCome(job.system, name: job.name, within: Self.lateSubmissionMax))
        let deadline = self.time.now + Self.lateSubmissionMax
        var failures = 0
        while self.time.now < deadline {
            let next = min(self.time.now + Self.lookInterval, deadline)
            guard (try? await self.time.sleep(until: next)) != nil else { throw .cancelled(nil) }
            do throws(BookingFailure) {
                let late = try await self.live(job.name)
                failures = 0
                if !late.isEmpty { return late }
            } catch {
                failures += 1
                guard error.isPassing, failures < Self.lookFailuresMax else { throw error }
            }
        }
        return []
    }

    private func forget(
        _ job: JobRecord, _ live: [BatchJob], _ deployment: String
    ) async throws(BookingFailure) {
        try await self.delete(live.map(\.number))
        try await self.record([.jobGone(job)], deployment)
    }

    /// Deletes the job although the run was stopped, and gives what to say. One that an earlier run asked for and that is
    /// not there yet stays on record: whoever stops a run does not wait for it.
    private func giveUp(
        _ deployment: String, _ failure: @escaping @Sendable (BatchJobName?) -> BookingFailure
    ) async throws(BookingFailure) -> BookingFailure {
        try await Self.uninterrupted { () async throws(BookingFailure) in
            guard let job = try await self.load(deployment)?.job else { return failure(nil) }
            let live = try await self.live(job.name)
            if !live.isEmpty || job.state != .asked { try await self.forget(job, live, deployment) }
            return failure((job.number ?? live.first?.number).map(self.jobName))
        }
    }

    /// Runs `body` to its end whether or not the calling task is cancelled.
    private static func uninterrupted<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        // Unstructured, because nothing can be run in a task that is cancelled; it is awaited here.
        let task = Task { () -> Result<Value, Failure> in
            do throws(Failure) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        return try await task.value.get()
    }

    private func delete(_ numbers: [Int]) async throws(BookingFailure) {
        for number in numbers {
            let result = try await self.run(self.client.deletion(of: number))
            guard result.isSuccess else {
                // It may have ended by itself meanwhile; the next look tells.
                throw .notDeleted(self.jobName(number), words: Self.words(result))
            }
        }
    }

    // MARK: - Asking

    /// Jobs of this name that have not ended, the oldest first.
    private func live(_ name: String) async throws(BookingFailure) -> [BatchJob] {
        try await self.jobs(name).filter { $0.state != .ended }
    }

    private func jobs(_ name: String) async throws(BookingFailure) -> [BatchJob] {
        let result = try await self.run(self.client.inquiry(name: name))
        guard result.isSuccess else { throw .refused(self.client.system, words: Self.words(result)) }
        do {
            return try self.client.jobs(inInquiry: result.outputText)
        } catch {
            throw .unreadable(self.client.system, error)
        }
    }

    private func run(_ command: HostCommand) async throws(BookingFailure) -> CommandResult {
        do {
            return try await self.shell.run(command)
        } catch {
            if error == .cancelled { throw .cancelled(nil) }
            throw .unreachable(self.client.system, error)
        }
    }

    private static func words(_ result: CommandResult) -> String {
        ShellQuote.shown(result.errorText.isEmpty ? result.outputText : result.errorText) + ", \(result.ending)"
    }

    private func jobName(_ number: Int) -> BatchJobName { BatchJobName(system: self.client.system, number: number) }

    // MARK: - Records

    private func load(_ deployment: String) async throws(BookingFailure) -> DeploymentRecord? {
        do {
            return try await self.store.load(deployment)
        } catch {
            throw .store(error)
        }
    }

    private func record(_ changes: [RecordChange], _ deployment: String) async throws(BookingFailure) {
        do {
            try await self.store.record(changes, of: deployment)
        } catch {
            throw .store(error)
        }
    }
}

extension HostShellFailure {
    /// Whether it is certain that nothing of the command was carried out.
    fileprivate var meansNotRun: Bool {
        switch self {
        case .scriptTooLong, .couldNotStart, .unreachable, .hostKeyUnknown, .hostKeyChanged, .authenticationRefused:
            true
        case .timedOut, .connectionLost, .transferDamaged, .transferRefused, .cancelled:
            false
        }
    }
}

extension BatchJob {
    /// A start that is expected by less than this earlier or later is not worth a word.
    private static let startShiftMilliseconds: UInt64 = 60_000

    /// Whether somebody who heard of `last` wants to hear of this.
    fileprivate func isNews(since last: BatchJob) -> Bool {
        guard self.words == last.words else { return true }
        guard let start = self.startsMilliseconds, let before = last.startsMilliseconds else {
            return self.startsMilliseconds != last.startsMilliseconds
        }
        return max(start, before) - min(start, before) >= Self.startShiftMilliseconds
    }
}

extension BookingFailure {
    /// Whether a later look may succeed although nobody does anything.
    fileprivate var isPassing: Bool {
        switch self {
        case .unreachable(_, let failure): failure.canRetryHelp
        case .refused, .unreadable, .notDeleted: true
        case .notEnough, .store, .endedUnused, .ended, .waitedTooLong, .cancelled, .badHostName: false
        }
    }
}
