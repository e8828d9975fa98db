import Basis
import Synchronization

/// Work that an agent's tasks leave to tasks of their own. Anybody adds, from any thread; one takes.
///
/// Not a stream: the one who takes from a stream leaves his actor and comes back for each piece, and an agent that does
/// nothing but keep its membership would spend most of its turns on that.
final class WorkQueue: Sendable {
    typealias Job = @Sendable () async -> Void

    private struct State {
        var jobs: [Job] = []
        /// Whether nothing is added any more.
        var isFinished = false
    }

    private let state = Mutex(State())
    private let bell = Bell()

    /// How many jobs wait to be taken.
    var count: Int { self.state.withLock(\.jobs.count) }

    /// Whether what is added is dropped.
    var isFinished: Bool { self.state.withLock(\.isFinished) }

    /// Adds work, which is done in the order of adding; nothing once the queue was finished.
    func add(_ job: @escaping Job) {
        let isAdded = self.state.withLock { state in
            if !state.isFinished { state.jobs.append(job) }
            return !state.isFinished
        }
        if isAdded { self.bell.ring() }
    }

    /// Nothing is added any more; what was added before is still taken.
    func finish() {
        self.state.withLock { $0.isFinished = true }
        self.bell.ring()
    }

    /// Ends the wait for work, whatever is left.
    func close() {
        self.bell.close()
    }

    /// Waits for work and takes all there is. Nil when the queue is closed, or finished and empty.
    func next(on time: any TimeSource, isolation: isolated (any Actor)? = #isolation) async -> [Job]? {
        while !self.bell.isClosed {
            let (jobs, isFinished) = self.state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isFinished)
            }
            guard jobs.isEmpty else { return jobs }
            guard !isFinished else { return nil }
            await self.bell.waitUntilClosed(or: .distantFuture, on: time)
        }
        return nil
    }
}
