@_spi(ExperimentalCustomExecutors) @_spi(ExperimentalScheduling) import _Concurrency

/// The process's default executor: on a world's thread it feeds that world, anywhere else the platform's pool.
///
/// The one file that uses the runtime's experimental interface for custom executors. Everything the runtime would hand
/// to the pool comes through here: tasks without an executor preference, actors without an executor of their own,
/// `Task.yield`, and the timers of `Task.sleep`.
final class DeterministicExecutor: TaskExecutor, SchedulingExecutor {
    private let pool: any TaskExecutor
    private let poolTimers: any SchedulingExecutor

    private init(pool: any TaskExecutor) {
        guard let timers = pool as? any SchedulingExecutor else {
            preconditionFailure("the platform's default executor has no timers")
        }
        self.pool = pool
        self.poolTimers = timers
    }

    /// Puts the executor in place of the process's default one, once; later calls do nothing.
    ///
    /// Works at any time, also after tasks have run on the pool.
    static func install() {
        _ = Self.installed
    }

    private static let installed: Void = _createExecutors(factory: Factory.self)
    private static let shared = DeterministicExecutor(pool: PlatformExecutorFactory.defaultExecutor)

    private struct Factory: ExecutorFactory {
        static var mainExecutor: any MainExecutor { MainActor.executor }
        static var defaultExecutor: any TaskExecutor { DeterministicExecutor.shared }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let isTask = job.kind.rawValue == ExecutorJob.Kind.task.rawValue
        let job = UnownedJob(job)
        if let world = WorldThread.world {
            world.accept(job, task: isTask ? jobTaskID(job) : nil)
        } else {
            if isTask, TaskLedger.isWatching, TaskLedger.noteEscape(ofTask: jobTaskID(job)) { return }
            self.pool.enqueue(job)
        }
    }

    func enqueue<C: Clock>(
        _ job: consuming ExecutorJob, after delay: C.Duration, tolerance: C.Duration?, clock: C
    ) {
        guard let world = WorldThread.world else {
            self.poolTimers.enqueue(job, after: delay, tolerance: tolerance, clock: clock)
            return
        }
        world.accept(UnownedJob(job), after: Self.duration(delay), onRealClock: false)
    }

    func enqueue<C: Clock>(
        _ job: consuming ExecutorJob, at instant: C.Instant, tolerance: C.Duration?, clock: C
    ) {
        guard let world = WorldThread.world else {
            self.poolTimers.enqueue(job, at: instant, tolerance: tolerance, clock: clock)
            return
        }
        world.accept(UnownedJob(job), after: Self.duration(clock.now.duration(to: instant)), onRealClock: true)
    }

    private static func duration<D: DurationProtocol>(_ duration: D) -> Duration {
        guard let duration = duration as? Duration else {
            preconditionFailure("only clocks that measure in Duration run in a world, not in \(D.self)")
        }
        return duration
    }
}

/// The number that the runtime gave to the task of a job: unique in the process, also after the task has ended.
///
/// The runtime exports it; the standard library shows it only inside the job's `description`.
@_silgen_name("swift_task_getJobTaskId")
private func jobTaskID(_ job: UnownedJob) -> UInt64
