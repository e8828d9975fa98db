import Basis

/// Something that could run now.
struct ReadyJob {
    enum Work {
        /// A job that was handed to the process as its executor, or to the default executor.
        case job(UnownedJob, onProcessExecutor: Bool)
        /// What comes from outside of every task, as a message does.
        case call(@Sendable () -> Void)
    }

    var work: Work
    var owner: ProcessIndex
}

/// In which order a world runs the jobs that are ready at one instant.
package enum ReadyOrder: Hashable, Sendable {
    /// As they came.
    case firstInFirstOut
    /// Any, drawn by the seed: explores interleavings.
    case random
}

/// The jobs that are ready at the current instant.
struct ReadyQueue {
    /// From how many spent places on the array is moved down.
    private static let spentMax = 4096

    private var jobs: [ReadyJob] = []
    private var head = 0

    var count: Int { self.jobs.count - self.head }

    mutating func append(_ job: ReadyJob) {
        self.jobs.append(job)
    }

    mutating func next(_ order: ReadyOrder, using generator: inout SplitMix64) -> ReadyJob? {
        guard self.head < self.jobs.count else { return nil }
        if order == .random, self.count > 1 {
            let drawn = generator.next().multipliedFullWidth(by: UInt64(self.count)).high
            self.jobs.swapAt(self.head, self.head + Int(drawn))
        }
        let next = self.jobs[self.head]
        self.head += 1
        if self.head == self.jobs.count {
            self.jobs.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head > Self.spentMax, self.head * 2 > self.jobs.count {
            self.jobs.removeFirst(self.head)
            self.head = 0
        }
        return next
    }
}
