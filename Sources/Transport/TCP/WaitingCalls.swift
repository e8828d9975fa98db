import Basis
import NIOCore

/// The requests of this side that wait for what ends them, and the executor on which their tasks wait.
///
/// A task waits by hopping to this executor, which keeps the job back until the request has ended and then runs it, in
/// the turn of the event loop in which the reply came. A continuation would be resumed on the global pool first, from
/// where its task hops back to the loop (ADR 0005).
///
/// Safe because it is used on the event loop only: nobody but ``CallResult`` has it as its executor, and only
/// ``TCPTransport``, which lives on the loop, awaits that.
final class WaitingCalls: SerialExecutor, @unchecked Sendable {
    typealias Outcome = Result<ByteBuffer, TransportError>

    /// A request that has no answer yet.
    struct Call {
        /// Nil while it waits for one.
        var connection: Connection?
        /// The task that waits; nil until it has arrived here.
        fileprivate var job: UnownedJob?
        /// Whether the task would say that it was cancelled.
        fileprivate var isWatched = false

        init(connection: Connection?) {
            self.connection = connection
        }
    }

    private struct Due {
        var job: UnownedJob
        /// What its task takes with it.
        var outcome: Outcome?
    }

    /// How long a request may go on before its task is made to watch for its own cancellation: a cancellation
    /// handler costs as much as everything else that a request needs here, and nearly all are answered before.
    static let unwatchedMax = Duration.milliseconds(5)

    private let eventLoop: any EventLoop
    /// Where the tasks go on.
    private let executor: LoopExecutor
    @exclusivity(unchecked) private var pending = PendingCalls<Call>()
    /// Whose tasks are to go on, and with what; nil lets one watch for its cancellation.
    @exclusivity(unchecked) private var due: [Due] = []
    /// Those of them that are being let go on, and which of them was the last.
    @exclusivity(unchecked) private var running: [Due] = []
    @exclusivity(unchecked) private var latest = 0
    /// Whose task is on its way here.
    @exclusivity(unchecked) private var arriving: UInt64 = 0
    /// Calls that ended while their task was on its way.
    private var endedEarly: [UInt64: Outcome] = [:]
    /// When the tasks that do not watch for their cancellation are made to; nil when there are none.
    @exclusivity(unchecked) private var watchAt: MonotonicInstant?

    init(eventLoop: any EventLoop, executor: LoopExecutor) {
        self.eventLoop = eventLoop
        self.executor = executor
    }

    // MARK: The calls

    /// When ``look(at:)`` is to be called; nil when no call is pending.
    var nextLook: MonotonicInstant? {
        guard let watchAt else { return self.pending.nextDeadline }
        return min(watchAt, self.pending.nextDeadline ?? .distantFuture)
    }

    /// Begins a call. The task must hop here next.
    ///
    /// - Returns: its correlation.
    func begin(
        on connection: Connection?, deadline: MonotonicInstant, now: MonotonicInstant
    ) throws(TransportError) -> UInt64 {
        guard let correlation = self.pending.insert(Call(connection: connection), deadline: deadline) else {
            throw .limitReached(limit: "callsMax", value: self.pending.count)
        }
        if self.watchAt == nil {
            self.watchAt = now + Self.unwatchedMax
        }
        self.arriving = correlation
        return correlation
    }

    /// Says whose task hops here next.
    func expect(_ correlation: UInt64) {
        self.arriving = correlation
    }

    /// - Returns: whether the call is still pending.
    func assign(_ correlation: UInt64, to connection: Connection) -> Bool {
        self.pending.update(correlation) { $0.connection = connection }
    }

    /// Takes out a pending call; nil when it was answered, expired or cancelled before, or goes over another connection.
    func remove(_ correlation: UInt64, on connection: Connection) -> (call: Call, deadline: MonotonicInstant)? {
        self.pending.remove(correlation) { $0.connection === connection }
    }

    func remove(_ correlation: UInt64) -> Call? {
        self.pending.remove(correlation)?.call
    }

    func removeAll(where isConcerned: (Call) -> Bool) -> [PendingCalls<Call>.Entry] {
        self.pending.removeAll(where: isConcerned)
    }

    /// Gives a call that was taken out its one outcome; the task goes on at ``resumeDue()``.
    func end(_ call: Call, _ correlation: UInt64, _ outcome: Outcome) {
        if let job = call.job {
            self.due.append(Due(job: job, outcome: outcome))
        } else {
            self.endedEarly[correlation] = outcome
        }
    }

    /// Takes out the calls whose deadline has passed, and lets the tasks that have waited for a while watch for their
    /// cancellation from here on.
    func look(at now: MonotonicInstant) -> [PendingCalls<Call>.Entry] {
        let expired = self.pending.expire(at: now)
        guard let watchAt, watchAt <= now else { return expired }
        self.watchAt = nil
        self.pending.updateAll { call in
            guard !call.isWatched, let job = call.job.take() else { return }
            call.isWatched = true
            self.due.append(Due(job: job, outcome: nil))
        }
        return expired
    }

    // MARK: Their tasks

    var hasDue: Bool { !self.due.isEmpty }

    /// Runs the tasks whose calls have ended, up to where they wait again.
    ///
    /// Not to be called from within a task.
    func resumeDue() {
        swap(&self.due, &self.running)
        let executor = self.executor.asUnownedSerialExecutor()
        for index in self.running.indices {
            self.latest = index
            self.running[index].job.runSynchronously(on: executor)
        }
        self.running.removeAll(keepingCapacity: true)
    }

    /// For the task that was just let go on.
    func takeOutcome() -> Outcome? {
        self.running[self.latest].outcome.take()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let correlation = self.arriving
        if self.pending.update(correlation, { $0.job = job }) { return }
        guard let outcome = self.endedEarly.removeValue(forKey: correlation) else {
            preconditionFailure("a task that waits for no call")
        }
        self.due.append(Due(job: job, outcome: outcome))
    }

    func isIsolatingCurrentContext() -> Bool? {
        self.eventLoop.inEventLoop
    }

    func checkIsolated() {
        self.eventLoop.preconditionInEventLoop()
    }
}

/// Where a task waits for the outcome of its call.
actor CallResult {
    private let calls: WaitingCalls
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.calls.asUnownedSerialExecutor() }

    init(_ calls: WaitingCalls) {
        self.calls = calls
    }

    /// Returns when the call has ended; nil when it has not, and the task is to watch for its cancellation.
    func get() -> WaitingCalls.Outcome? {
        self.calls.takeOutcome()
    }
}
