package import NIOCore

/// The executor of what lives on one event loop: the transport, and the agent that uses it.
///
/// Unlike the loop's own executor it says whether the caller is on it already, so that a ``RequestHandler`` that lives
/// here can answer in the very call in which it is asked, without a task.
package final class LoopExecutor: SerialExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func isIsolatingCurrentContext() -> Bool? {
        self.eventLoop.inEventLoop
    }

    package func checkIsolated() {
        self.eventLoop.preconditionInEventLoop()
    }
}
