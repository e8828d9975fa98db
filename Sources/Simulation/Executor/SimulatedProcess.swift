/// One process of a simulated world: what is started in it runs only while the process does.
///
/// It is the executor of the node's actors and the preferred executor of its tasks, so each of its jobs passes through
/// here: a paused process holds them back (SIGSTOP, a sleeping machine) and a crashed one never runs any again. Time,
/// messages and everybody else go on. The memory of a crashed process is abandoned, never freed: its tasks are suspended
/// for good, and freeing them would run their clean-up, which a crash does not.
///
/// A default actor lives in the process that calls it. One that several processes call would stop with any of them.
///
/// Safe because it is used on the world's thread only, but for `enqueue`, which asks on which thread it is.
package final class SimulatedProcess: SerialExecutor, TaskExecutor, @unchecked Sendable {
    package enum State: Hashable, Sendable {
        case running
        /// ``resume()`` leads back, ``crash()`` to the end.
        case paused
        case crashed
    }

    package let name: String
    /// The how many-th process of this name it is, from 1.
    package let boot: UInt64
    package private(set) var state: State = .running

    /// Whether one of its jobs is being run.
    private var isExecuting = false
    private let index: ProcessIndex
    private unowned let world: World
    private let ledger: TaskLedger
    private var held: [ReadyJob] = []
    private var roots: [UInt64: Root] = [:]
    private var crashHooks: [@Sendable () -> Void] = []
    private var nextRoot: UInt64 = 0

    /// A task that was started from outside.
    private struct Root {
        var task: Task<Void, Never>
        /// Tells the one who waits for it that it will never end.
        var abandon: @Sendable () -> Void
    }

    init(name: String, boot: UInt64, index: ProcessIndex, world: World) {
        self.name = name
        self.boot = boot
        self.index = index
        self.world = world
        self.ledger = world.ledger
    }

    // MARK: What runs in it

    /// Starts `body` in this process and does not wait for it.
    package func start(_ body: @escaping @Sendable () async -> Void) {
        self.addRoot(body, abandon: {})
    }

    /// Has the process call `call` in its turn, without a task.
    func perform(_ call: @escaping @Sendable () -> Void) {
        self.world.confine()
        let ready = ReadyJob(work: .call(call), owner: self.index)
        if self.admit(ready) { self.world.accept(ready) }
    }

    /// Runs `body` in this process and waits for it, from outside of the process.
    ///
    /// So a test asks a node something: `try await process.run { await agent.status() }`. While the process is paused,
    /// the caller waits; cancelling the caller cancels `body`.
    ///
    /// - Throws: ``ProcessCrashed`` as soon as the process crashes, also when it had before; else what `body` throws.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        self.world.confine()
        guard self.state != .crashed else { throw ProcessCrashed(name: self.name, boot: self.boot) }
        let waiter = RootWaiter<Value>()
        let root = self.addRoot({ waiter.end(await Result(awaiting: body)) }) { [name, boot] in
            waiter.end(.failure(ProcessCrashed(name: name, boot: boot)))
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { waiter.wait($0) }
        } onCancel: {
            root.cancel()
        }
    }

    /// Cancels everything that was started, as a polite signal to end does. Returns at once.
    package func cancelAll() {
        self.world.confine()
        for root in Self.inOrder(self.roots) { root.task.cancel() }
    }

    /// Where code of its tasks runs that belongs to no actor: nowhere of its own in a world that does not track tasks,
    /// since the runtime looks a preference up at each change of executor.
    private var preference: (any TaskExecutor)? { self.world.options.tracksTasks ? self : nil }

    @discardableResult
    private func addRoot(
        _ body: @escaping @Sendable () async -> Void, abandon: @escaping @Sendable () -> Void
    ) -> Task<Void, Never> {
        self.world.confine()
        precondition(self.state != .crashed, "\(self.name) has crashed: a restart is a new process")
        let id = self.nextRoot
        self.nextRoot += 1
        // Unstructured, since a process outlives whoever starts it; `cancelAll` reaches it.
        let task = Task(executorPreference: self.preference, priority: .medium) {
            await body()
            self.roots[id] = nil
        }
        self.roots[id] = Root(task: task, abandon: abandon)
        return task
    }

    private static func inOrder(_ roots: [UInt64: Root]) -> [Root] {
        roots.sorted { $0.key < $1.key }.map(\.value)
    }

    // MARK: Faults

    /// Stops the process where it is. What is due meanwhile, runs when it goes on, with the state it had.
    package func pause() {
        self.world.confine()
        guard self.state == .running else { return }
        self.state = .paused
        self.record("pause")
    }

    /// Stops the process and lets it go on after `duration`, unless it was crashed by then.
    package func pause(for duration: Duration) {
        self.pause()
        self.world.schedule(after: duration) { self.resume() }
    }

    /// Lets a paused process go on.
    package func resume() {
        self.world.confine()
        guard self.state == .paused else { return }
        self.state = .running
        self.record("resume")
        let jobs = self.held
        self.held = []
        for job in jobs { self.world.accept(job) }
    }

    /// Ends the process at this instant, without any clean-up.
    ///
    /// Called from within, the job that calls it still runs to its next suspension.
    package func crash() {
        self.world.confine()
        guard self.state != .crashed else { return }
        self.state = .crashed
        self.record("crash")
        self.world.countDropped(self.held.count)
        self.held = []
        let (roots, hooks) = (self.roots, self.crashHooks)
        self.roots = [:]
        self.crashHooks = []
        for root in Self.inOrder(roots) { root.abandon() }
        for hook in hooks { hook() }
    }

    /// Calls `hook` when the process crashes, outside of it.
    package func onCrash(_ hook: @escaping @Sendable () -> Void) {
        self.world.confine()
        precondition(self.state != .crashed, "\(self.name) has crashed already")
        self.crashHooks.append(hook)
    }

    private func record(_ kind: StaticString) {
        self.world.record(kind, ["process": .text(self.name), "boot": .number(Int64(self.boot))])
    }

    // MARK: The executor

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Asked before `world`, which may be gone: an abandoned task can outlive it.
        guard let current = WorldThread.world, current.ledger === self.ledger else {
            self.ledger.countEscape()
            return
        }
        let ready = ReadyJob(work: .job(job, onProcessExecutor: true), owner: self.index)
        if self.admit(ready) { current.accept(ready) }
    }

    /// Lets a job pass, or keeps it back: it is held while the process is paused, and dropped after a crash.
    func admit(_ job: ReadyJob) -> Bool {
        switch self.state {
        case .running:
            return true
        case .paused:
            self.held.append(job)
            return false
        case .crashed:
            self.world.countDropped(1)
            return false
        }
    }

    func execute(_ call: () -> Void) {
        self.isExecuting = true
        defer { self.isExecuting = false }
        call()
    }

    func execute(_ job: UnownedJob) {
        self.isExecuting = true
        defer { self.isExecuting = false }
        if self.world.options.tracksTasks {
            job.runSynchronously(isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
        } else {
            job.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }

    package func isIsolatingCurrentContext() -> Bool? {
        WorldThread.world?.ledger === self.ledger && self.isExecuting
    }

    var jobsHeld: Int { self.held.count }

    /// Lets go of everything when the world ends.
    func forget() {
        let left = (self.held, self.roots, self.crashHooks)
        self.held = []
        self.roots = [:]
        self.crashHooks = []
        withExtendedLifetime(left) {}
    }
}

/// The process ended before what was asked of it.
package struct ProcessCrashed: Error, Hashable, Sendable {
    package var name: String
    package var boot: UInt64

    package init(name: String, boot: UInt64) {
        self.name = name
        self.boot = boot
    }
}

/// Hands the result of a task to the one who waits, once: what comes second is dropped.
///
/// Safe because it is used on one world's thread only.
private final class RootWaiter<Value: Sendable>: @unchecked Sendable {
    private enum State {
        case nobody
        case waiting(UnsafeContinuation<Value, any Error>)
        case ended(Result<Value, any Error>)
        case over
    }

    private var state = State.nobody

    func wait(_ continuation: UnsafeContinuation<Value, any Error>) {
        switch self.state {
        case .nobody:
            self.state = .waiting(continuation)
        case .ended(let result):
            self.state = .over
            continuation.resume(with: result)
        case .waiting, .over:
            preconditionFailure("one task waits for a result, once")
        }
    }

    func end(_ result: Result<Value, any Error>) {
        switch self.state {
        case .nobody:
            self.state = .ended(result)
        case .waiting(let continuation):
            self.state = .over
            continuation.resume(with: result)
        case .ended, .over:
            return
        }
    }
}
