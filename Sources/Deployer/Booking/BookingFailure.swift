import Basis
package import Settings

/// Why a deployment has no hosts.
package enum BookingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// - Parameter others: who has the hosts that are not free, and until when, sorted.
    case notEnough(asked: Int, free: Int, others: [String])
    case store(StoreError)
    /// The client of the batch system could not be asked.
    case unreachable(BatchSystem, HostShellFailure)
    /// It was asked, and said no. Nothing is booked by that.
    case refused(BatchSystem, words: String)
    /// What it said makes no sense.
    case unreadable(BatchSystem, BatchOutputProblem)
    /// The job ended before a host of it was booked. It is forgotten.
    case endedUnused(BatchJobName, words: String)
    /// The job ended while the deployment had its hosts.
    case ended(BatchJobName, words: String)
    /// It did not start in time, and was deleted.
    case waitedTooLong(BatchJobName, limit: String)
    /// The run was stopped before it had hosts. A job that was awaited was deleted; nil: there was none yet, or one on
    /// whose hosts the fleet is already.
    case cancelled(BatchJobName?)
    case notDeleted(BatchJobName, words: String)
    /// The batch system names a host that no host can be called.
    case badHostName(BatchJobName, String)

    package var description: String {
        switch self {
        case .notEnough(let asked, let free, let others):
            "\(asked) more hosts are needed and \(free) are free"
                + (others.isEmpty ? "" : " (\(others.joined(separator: "; ")))")
                + "; destroy a deployment that is no longer used, list more hosts, or ask for fewer"
        case .store(let error):
            error.description
        case .unreachable(let system, let failure):
            "\(system.title) could not be asked: \(failure). Apply again: a job that was submitted is found"
        case .refused(let system, let words):
            "\(system.title) refuses: \(words); put the fleet's file right, or ask who runs \(system.title)"
        case .unreadable(let system, let problem):
            "\(system.title) gives an answer that cannot be read: \(problem)"
        case .endedUnused(let job, let words):
            "\(job) ended before its hosts were used (\(words)); see why, and apply again for another job"
        case .ended(let job, let words):
            "\(job) has ended (\(words)): its hosts may be another's by now. Destroy the deployment, which takes off "
                + "them what it still can, and apply again for another job"
        case .waitedTooLong(let job, let limit):
            "\(job) did not start within \(limit), and was deleted; ask for less, or set a longer wait_max"
        case .cancelled(let job):
            job.map { "stopped while \($0) was awaited; it was deleted" }
                ?? "stopped before there were hosts to work on"
        case .notDeleted(let job, let words):
            "\(job) could not be deleted (\(words)); destroy the deployment later, or delete the job by hand: "
                + job.deletion
        case .badHostName(let job, let name):
            "\(job) has a host '\(name)', which is no name of 1 to \(NodeID.lengthMax) letters, digits, '.', '_' and '-'"
        }
    }
}
