package import Basis

/// What came of a run.
package struct DeploymentReport: Hashable, Sendable {
    package var deployment: String
    package var took: Duration
    /// In the order of stages; only those that something went through.
    package var stages: [Stage]
    package var slowest: [SlowHost]
    /// What failed for good, in the order in which it did.
    package var failures: [Failure]
    /// As they are now, in the order in which they were booked.
    package var hosts: [HostRecord]
    /// As they are now, by ordinal.
    package var guests: [GuestRecord]
    /// Guests that are to run and were not seen to: they do not answer, or their host does not. By ordinal.
    package var unreached: [String]
    /// Guests that may still be somewhere else than where they belong, because that host did not answer.
    package var strays: [Stray]
    /// Hosts on which dvmsd was to run and does not as it should.
    package var agentless: [NodeID]
    /// It was stopped before it was done.
    package var isInterrupted: Bool

    package struct Stage: Hashable, Sendable {
        package var stage: RunStage
        package var figures: StageFigures
    }

    package struct SlowHost: Hashable, Sendable {
        package var host: String
        /// In all stages before the first guest.
        package var took: Duration
    }

    package struct Failure: Hashable, Sendable {
        /// A host or a guest.
        package var entity: String
        package var why: String
    }

    package struct Stray: Hashable, Sendable {
        package var guest: String
        package var host: NodeID
    }

    /// How many were seen to run.
    package var runningCount: Int {
        let unreached = Set(self.unreached)
        return self.guests.count { $0.stage == .running && !unreached.contains($0.identity.name) }
    }

    package var retries: Int { self.stages.reduce(0) { $0 + $1.figures.retries } }
}
