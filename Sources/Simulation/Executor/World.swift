package import Basis
import Synchronization

/// One simulated world: a thread, a queue of ready jobs, and a virtual clock that jumps from timer to timer.
///
/// Everything the Swift runtime does for code started inside stays inside: tasks, groups, actors, sleeps, streams. What
/// runs next is decided by the seed alone, so that a run can be repeated. Time passes only when nothing is ready.
///
/// Safe because all of it is touched on the world's thread only (``confine()`` checks), but for `ledger`, `cancelled`.
package final class World: @unchecked Sendable {
    package let seed: UInt64
    let options: WorldOptions

    /// How long the world has lasted.
    package private(set) var now: MonotonicInstant = .zero
    package private(set) var trace: Trace

    private(set) var processes: [SimulatedProcess] = []
    private var boots: [String: UInt64] = [:]
    /// The process whose job runs now.
    private var running = ProcessIndex.none

    private var ready = ReadyQueue()
    private var timers = TimerQueue()
    private var orderGenerator: SplitMix64
    private var generators: SplitMix64
    private var bodyEnded = false
    private var isOver = false
    private var endHooks: [@Sendable () -> Void] = []

    /// Jobs run and timers fired so far.
    private(set) var events = 0
    private var jobsDropped = 0
    private var realClockSleeps = 0

    let ledger = TaskLedger()
    private let cancelled = Atomic<Bool>(false)

    private init(seed: UInt64, options: WorldOptions) {
        self.seed = seed
        self.options = options
        self.trace = Trace(linesMax: options.traceLinesMax)
        var source = SplitMix64(seed: seed)
        self.orderGenerator = source.split()
        self.generators = source.split()
    }

    /// Runs `body` in a world of its own, on a thread of its own, and returns what it returned.
    ///
    /// What is still running when `body` returns is abandoned and counted in the report. Cancelling the calling task
    /// cancels `body`.
    ///
    /// - Throws: ``WorldFailure`` when the world cannot go on or work has left it; else what `body` throws.
    @discardableResult
    package static func run<Value: Sendable>(
        seed: UInt64, options: WorldOptions = WorldOptions(),
        _ body: @escaping @Sendable (World) async throws -> Value
    ) async throws -> WorldOutcome<Value> {
        DeterministicExecutor.install()
        await WorldGate.shared.enter()
        defer { WorldGate.shared.leave() }
        let world = World(seed: seed, options: options)
        let result = BodyResult<Value>()
        // Created here, not on the world's thread, so that it inherits the caller's task-local values: by them the
        // testing library knows to which test a failed expectation belongs.
        let root = WorldThread.enter(world) {
            Task(priority: .medium) {
                result.value = await Result(awaiting: { try await body(world) })
                world.bodyEnded = true
            }
        }
        let (failure, report) = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                WorldThread.start(named: "world \(seed)") {
                    continuation.resume(returning: WorldThread.enter(world) { world.runToEnd(root) })
                }
            }
        } onCancel: {
            world.cancelled.store(true, ordering: .releasing)
        }
        if let failure { throw WorldFailure(reason: failure, report: report) }
        guard let value = result.value else { preconditionFailure("a world ended without failure and without result") }
        return WorldOutcome(value: try value.get(), report: report)
    }

    /// Where the body leaves its result. Safe because it is written on the world's thread before that thread hands over.
    private final class BodyResult<Value: Sendable>: @unchecked Sendable {
        var value: Result<Value, any Error>?
    }

    // MARK: The loop

    private func runToEnd(_ root: Task<Void, Never>) -> (WorldFailure.Reason?, WorldReport) {
        self.ledger.arm()
        var failure: WorldFailure.Reason?
        var rootIsCancelled = false
        while !self.bodyEnded, failure == nil {
            if !rootIsCancelled, self.cancelled.load(ordering: .acquiring) {
                rootIsCancelled = true
                root.cancel()
            }
            failure = self.step()
        }
        self.ledger.disarm()
        if failure == nil, self.ledger.escapes > 0 { failure = .jobsEscaped(self.ledger.escapes) }
        let report = self.report()
        self.tearDown()
        return (failure, report)
    }

    /// Runs one job, or fires one timer. Returns why the world cannot go on.
    private func step() -> WorldFailure.Reason? {
        guard self.ledger.escapes == 0 else { return .jobsEscaped(self.ledger.escapes) }
        guard self.events < self.options.eventsMax else { return .eventsMax(self.options.eventsMax) }
        if let job = self.ready.next(self.options.readyOrder, using: &self.orderGenerator) {
            self.execute(job)
            return nil
        }
        guard let timer = self.timers.removeFirst(), timer.instant < .distantFuture else { return .deadlock }
        guard timer.instant - .zero <= self.options.durationMax else { return .durationMax(self.options.durationMax) }
        self.now = max(self.now, timer.instant)
        self.events += 1
        switch timer.action {
        case .job(let job):
            self.ready.append(ReadyJob(work: .job(job, onProcessExecutor: false), owner: .none))
        case .wake(let sleeper):
            sleeper.resume()
        case .call(let call):
            call()
        }
        return nil
    }

    private func execute(_ ready: ReadyJob) {
        if ready.owner != .none {
            let process = self.processes[Int(ready.owner.rawValue)]
            guard process.admit(ready) else { return }
        }
        self.events += 1
        self.trace.fold(
            UInt64(bitPattern: self.now.nanoseconds) &* 31 &+ UInt64(UInt32(bitPattern: ready.owner.rawValue)))
        self.running = ready.owner
        switch ready.work {
        case .job(let job, onProcessExecutor: true): self.processes[Int(ready.owner.rawValue)].execute(job)
        case .job(let job, onProcessExecutor: false): job.runSynchronously(on: Self.genericExecutor)
        case .call(let call): self.processes[Int(ready.owner.rawValue)].execute(call)
        }
        self.running = .none
    }

    /// The executor of tasks that have none. Safe because to the runtime it is two null words, and has no other form.
    private static let genericExecutor = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)

    private func report() -> WorldReport {
        WorldReport(
            seed: self.seed, end: self.now, events: self.events, jobsPending: self.ready.count,
            timersPending: self.timers.count, jobsHeld: self.processes.reduce(0) { $0 + $1.jobsHeld },
            jobsDropped: self.jobsDropped, jobsEscaped: self.ledger.escapes, realClockSleeps: self.realClockSleeps,
            traceHash: self.trace.hash, traceLines: self.trace.lines)
    }

    /// Lets go of everything. Abandoned tasks never run again; what only they hold is never freed.
    private func tearDown() {
        self.isOver = true
        // Taken out first: what is freed may call back into the world.
        let left = (self.ready, self.timers, self.processes, self.endHooks)
        self.ready = ReadyQueue()
        self.timers = TimerQueue()
        self.processes = []
        self.endHooks = []
        // An abandoned task may hold the world for good: what is left of it is small.
        self.trace = Trace(linesMax: 0)
        self.ledger.forget()
        for process in left.2 { process.forget() }
        for hook in left.3 { hook() }
    }

    // MARK: What the executors hand in

    /// A job for the default executor. `task` is the number of its task; nil when it is none (an actor's turn).
    func accept(_ job: UnownedJob, task: UInt64?) {
        guard !self.isOver else { return }
        var owner = ProcessIndex.none
        if self.options.tracksTasks {
            owner = self.running
            if let task {
                guard let known = self.ledger.owner(of: task, current: self.running) else { return }
                owner = known
            }
        }
        self.accept(ReadyJob(work: .job(job, onProcessExecutor: false), owner: owner))
    }

    /// A job of the runtime's own sleeping.
    func accept(_ job: UnownedJob, after delay: Duration, onRealClock: Bool) {
        guard !self.isOver else { return }
        var delay = delay
        if onRealClock {
            self.realClockSleeps += 1
            // What is left until the instant shrinks by the real time that the call took: whole milliseconds hide that.
            delay = .milliseconds((delay.inNanoseconds + 999_999) / 1_000_000)
        }
        self.arm(self.reserveTimer(), at: self.now + max(.zero, delay), .job(job))
    }

    func accept(_ job: ReadyJob) {
        guard !self.isOver else { return }
        self.ready.append(job)
    }

    func countDropped(_ jobs: Int) {
        self.jobsDropped += jobs
    }

    // MARK: Timers

    func reserveTimer() -> TimerID {
        self.timers.reserve()
    }

    func arm(_ timer: TimerID, at instant: MonotonicInstant, _ action: TimerAction) {
        guard !self.isOver else { return }
        self.timers.arm(timer, at: max(self.now, instant), action)
    }

    @discardableResult
    func cancelTimer(_ timer: TimerID) -> TimerAction? {
        guard !self.isOver else { return nil }
        return self.timers.cancel(timer)
    }

    /// Calls `call` at `instant` (now, if that is past), on the world's thread and outside of every process.
    @discardableResult
    package func schedule(at instant: MonotonicInstant, _ call: @escaping @Sendable () -> Void) -> TimerID {
        self.confine()
        let timer = self.reserveTimer()
        self.arm(timer, at: instant, .call(call))
        return timer
    }

    /// Calls `call` after `delay`. For faults: `world.schedule(after: .seconds(30)) { process.resume() }`.
    @discardableResult
    package func schedule(after delay: Duration, _ call: @escaping @Sendable () -> Void) -> TimerID {
        self.schedule(at: self.now + delay, call)
    }

    /// Takes a scheduled call back. Does nothing when it was made already.
    package func cancel(_ timer: TimerID) {
        self.confine()
        self.cancelTimer(timer)
    }

    // MARK: What simulations use

    /// The clock without any error. Nodes get a ``SkewedTime`` over it, or this.
    package var time: VirtualTime { VirtualTime(world: self) }

    /// A generator of its own for one user, so that one user's draws do not shift another's.
    package func makeGenerator() -> SplitMix64 {
        self.confine()
        return self.generators.split()
    }

    /// Appends an event to the trace. `kind` and the names of the fields are fixed texts.
    package func record(_ kind: StaticString, _ fields: KeyValuePairs<StaticString, TraceValue> = [:]) {
        self.confine()
        self.trace.record(kind, at: self.now, fields)
    }

    /// A new process. Its boot counts the processes of that name, from 1: making one again is a restart.
    package func makeProcess(_ name: String) -> SimulatedProcess {
        self.confine()
        let boot = self.boots[name, default: 0] + 1
        self.boots[name] = boot
        let index = ProcessIndex(rawValue: Int32(self.processes.count))
        let process = SimulatedProcess(name: name, boot: boot, index: index, world: self)
        self.processes.append(process)
        self.record("boot", ["process": .text(name), "boot": .number(Int64(boot))])
        return process
    }

    /// Calls `hook` when the world is over: for what would keep itself alive in a circle.
    func atEnd(_ hook: @escaping @Sendable () -> Void) {
        self.endHooks.append(hook)
    }

    /// Traps on any thread but the world's.
    func confine() {
        precondition(WorldThread.world === self, "a world was used outside of its own thread")
    }
}
