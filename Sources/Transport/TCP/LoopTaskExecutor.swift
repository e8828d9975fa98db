package import NIOCore

/// Lets a task run on an event loop between actors too, in the isolation of the actors that live on that loop.
///
/// The runtime resumes every continuation on the default executor first and hops to the waiting actor from there
/// (seen in Swift 6.3: one job on the global pool for each resume). For a task that prefers this executor the detour
/// goes away: the job runs on the loop, already in the loop's isolation, and no thread is woken.
package final class LoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute {
            job.runSynchronously(
                isolatedTo: self.eventLoop.executor.asUnownedSerialExecutor(),
                taskExecutor: self.asUnownedTaskExecutor())
        }
    }
}
