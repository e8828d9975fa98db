import ClusterActors

/// What happened in one run or in many: that a campaign exercises what it claims to.
package struct FaultTally: Hashable, Sendable, CustomStringConvertible {
    package private(set) var ispsStarted = 0
    /// By name.
    package private(set) var outcomes: [String: Int] = [:]
    package private(set) var requests = 0
    package private(set) var hops = 0
    package private(set) var sweepsAgain = 0
    package private(set) var waits = 0
    package private(set) var leasesLapsed = 0
    package private(set) var membersLost = 0
    package private(set) var migrationsOrdered = 0
    package private(set) var migrationsMoved = 0
    package private(set) var migrationsFailed = 0
    package private(set) var migrationsInDoubt = 0
    package private(set) var guestsInDoubt = 0
    package private(set) var staleAnswers = 0
    /// The most that was seen in one queue of one node.
    package private(set) var queuesPeak: [WatchedQueue: Int] = [:]
    /// Those that struck, by ``Fault/name``.
    package private(set) var faults: [String: Int] = [:]

    package init() {}

    mutating func count(_ fact: Fact) {
        switch fact {
        case .told(_, .ispStarted): self.ispsStarted += 1
        case .told(_, .ispEnded(let summary)): self.outcomes[summary.outcome.name, default: 0] += 1
        case .told(_, .hopped): self.hops += 1
        case .told(_, .sweepsAgain): self.sweepsAgain += 1
        case .told(_, .waits): self.waits += 1
        case .told(_, .nodeEnded(_, .expired)): self.leasesLapsed += 1
        case .told(_, .memberLost): self.membersLost += 1
        case .told(_, .migrationOrdered): self.migrationsOrdered += 1
        case .told(_, .migrationEnded(_, _, _, _, let result, _, _)): self.count(result)
        case .told(_, .inDoubt): self.guestsInDoubt += 1
        case .requestSent: self.requests += 1
        case .replySent(_, _, .renew(.stale)), .replySent(_, _, .migrate(.stale)), .replySent(_, _, .incoming(.stale)):
            self.staleAnswers += 1
        case .told, .requestArrived, .replySent, .replyArrived, .hosts, .crashed, .paused, .resumed, .network, .sees,
            .tick:
            return
        case .queues(_, let sizes): self.queuesPeak.merge(sizes, uniquingKeysWith: max)
        }
    }

    mutating func count(_ fault: Fault) { self.faults[fault.name, default: 0] += 1 }

    private mutating func count(_ result: ActionResult) {
        switch result {
        case .moved: self.migrationsMoved += 1
        case .failed: self.migrationsFailed += 1
        case .inDoubt: self.migrationsInDoubt += 1
        }
    }

    package static func + (left: FaultTally, right: FaultTally) -> FaultTally {
        var sum = left
        sum.ispsStarted += right.ispsStarted
        sum.outcomes.merge(right.outcomes, uniquingKeysWith: +)
        sum.requests += right.requests
        sum.hops += right.hops
        sum.sweepsAgain += right.sweepsAgain
        sum.waits += right.waits
        sum.leasesLapsed += right.leasesLapsed
        sum.membersLost += right.membersLost
        sum.migrationsOrdered += right.migrationsOrdered
        sum.migrationsMoved += right.migrationsMoved
        sum.migrationsFailed += right.migrationsFailed
        sum.migrationsInDoubt += right.migrationsInDoubt
        sum.guestsInDoubt += right.guestsInDoubt
        sum.staleAnswers += right.staleAnswers
        sum.queuesPeak.merge(right.queuesPeak, uniquingKeysWith: max)
        sum.faults.merge(right.faults, uniquingKeysWith: +)
        return sum
    }

    /// How many ISPs ended this way.
    package func outcomes(_ name: String) -> Int { self.outcomes[name, default: 0] }

    /// Kinds of faults that never struck.
    package var missing: [String] { Fault.names.filter { self.faults[$0] == nil } }

    private var queuesInWords: String {
        WatchedQueue.allCases.map { "\(self.queuesPeak[$0, default: 0]) \($0)" }.joined(separator: ", ")
    }

    private var faultsInWords: String {
        let counts = Fault.names.compactMap { name in self.faults[name].map { "\($0) \(name)" } }
        return (counts + self.missing.map { "no \($0)" }).joined(separator: ", ")
    }

    package var description: String {
        let outcomes = self.outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return """
            ISPs: \(self.ispsStarted) started: \(outcomes)
            growth: \(self.requests) requests, \(self.hops) hops, \(self.waits) waits, \(self.sweepsAgain) further sweeps
            leases: \(self.leasesLapsed) lapsed, \(self.membersLost) members lost, \(self.staleAnswers) stale answers
            migrations: \(self.migrationsOrdered) ordered, \(self.migrationsMoved) moved, \(self.migrationsFailed) failed, \
            \(self.migrationsInDoubt) in doubt; \(self.guestsInDoubt) guests in doubt
            queues at most: \(self.queuesInWords)
            faults: \(self.faultsInWords)
            """
    }
}
