import Synchronization

/// Which process of a world each task without an executor preference belongs to.
///
/// A task is entered when it is first seen, which is when it is created, for the process that was running then. So an
/// unstructured `Task {}` of a process is paused and crashed with it, and a job of a world's task that turns up on a
/// foreign thread is found. Tasks with an executor preference need no entry: their executor says where they belong.
///
/// Entries are never removed (nobody says when a task has ended): about 40 bytes per unstructured task.
final class TaskLedger: Sendable {
    private let owners = Mutex<[UInt64: ProcessIndex]>([:])
    private let escapesCounted = Atomic<Int>(0)

    /// The ledgers of the worlds that run now, for jobs that arrive on threads of no world.
    private static let open = Mutex<[TaskLedger]>([])
    private static let openCount = Atomic<Int>(0)

    /// Starts watching foreign threads for jobs of this ledger's tasks.
    func arm() {
        Self.open.withLock { $0.append(self) }
        Self.openCount.add(1, ordering: .sequentiallyConsistent)
    }

    func disarm() {
        Self.open.withLock { ledgers in ledgers.removeAll { $0 === self } }
        Self.openCount.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// The owner of `task`; `current` when it is seen for the first time.
    ///
    /// - Returns: nil when the task is another world's: the two share something, and that world has failed.
    func owner(of task: UInt64, current: ProcessIndex) -> ProcessIndex? {
        if let known = self.owners.withLock({ $0[task] }) { return known }
        if Self.openCount.load(ordering: .relaxed) > 1, Self.noteEscape(ofTask: task) { return nil }
        self.owners.withLock { $0[task] = current }
        return current
    }

    func forget() {
        self.owners.withLock { $0 = [:] }
    }

    /// How many jobs of this world came up on threads that are not the world's.
    var escapes: Int { self.escapesCounted.load(ordering: .acquiring) }

    func countEscape() {
        self.escapesCounted.add(1, ordering: .acquiringAndReleasing)
    }

    /// Whether any world is watching.
    static var isWatching: Bool { self.openCount.load(ordering: .relaxed) > 0 }

    /// True when a job came up on a foreign thread whose task belongs to a running world. That world then fails.
    ///
    /// Such a job is not run any more: it would race with the world it came from.
    static func noteEscape(ofTask task: UInt64) -> Bool {
        Self.open.withLock { ledgers in
            guard let ledger = ledgers.first(where: { $0.owners.withLock { $0[task] != nil } }) else { return false }
            ledger.countEscape()
            return true
        }
    }
}

/// The place of a process in its world's list of processes.
struct ProcessIndex: Hashable, Sendable {
    var rawValue: Int32

    /// What belongs to no process: the body of the world, the network.
    static let none = ProcessIndex(rawValue: -1)
}
