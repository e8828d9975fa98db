package import Placement

/// The times of the reservation protocol (PROTOCOL.md §10), all on clocks that count while the machine sleeps.
package struct ProtocolTimings: Hashable, Sendable {
    /// How long a grant lasts without a renewal.
    package var lease: Duration = .seconds(10)
    package var renewInterval: Duration = .milliseconds(2_500)
    /// How long a request waits for its answer.
    package var requestTimeout: Duration = .seconds(1)
    /// How much of a lease is not used for ordering migrations, and the longest pause that is tolerated between the
    /// check and the sending.
    package var margin: Duration = .seconds(1)
    /// ρ: how much faster one clock may run than another, in millionths.
    package var clockDriftPartsPerMillion: Int = 1_000
    package var waitPoll: Duration = .seconds(2)
    /// The pause before the second sweep; doubles with each further one up to ``resweepDelayMax``.
    package var resweepDelay: Duration = .milliseconds(2_500)
    package var resweepDelayMax: Duration = .seconds(20)
    package var blockedWait: Duration = .seconds(60)
    package var actionPoll: Duration = .seconds(2)
    /// A flight lasts at least this long before it is given up, however small the guest.
    package var flightTimeoutMin: Duration = .seconds(60)
    package var flightTimeoutMax: Duration = .seconds(1_800)
    /// Growing, solving and being blocked together; a flight is never cut off by it (T7).
    package var ispDeadline: Duration = .seconds(300)

    package init() {}

    /// What of PROTOCOL.md §10 these times break; empty when they may be used.
    package var violations: [TimingViolation] {
        let drift = self.clockDriftPartsPerMillion
        let leaseDrift = self.lease * (2 * drift) / 1_000_000
        var found: [TimingViolation] = []
        if self.renewInterval * 3 + self.requestTimeout + leaseDrift >= self.lease {
            found.append(.twoRenewalsMayNotBeLost)
        }
        if self.margin < leaseDrift * 1_000_000 / (1_000_000 + drift) {
            found.append(.marginBelowDrift)
        }
        if self.actionPoll <= self.requestTimeout || self.waitPoll <= self.requestTimeout {
            found.append(.pollsNotAboveRequestTimeout)
        }
        if self.resweepDelay < self.renewInterval {
            found.append(.resweepBeforeRenewal)
        }
        return found
    }

    /// How long a destination keeps a flight open for a source that said `flightTimeout` (T5).
    package func destinationTimeout(forSource flightTimeout: Duration) -> Duration {
        flightTimeout + self.requestTimeout + self.margin
    }

    /// The pause after so many sweeps. Doubles with each: otherwise the ghost of an ended ISP makes a hot loop
    /// (PROTOCOL.md §7.6).
    func rest(afterSweeps sweeps: Int) -> Duration {
        let doublings = min(sweeps - 1, 16)
        return min(self.resweepDelay * (1 << doublings), self.resweepDelayMax)
    }

    /// How long after its initiator was confirmed dead an ISP counts as ended (T6).
    package var deadInitiatorGrace: Duration { self.lease + self.requestTimeout }
}

/// An inequality of PROTOCOL.md §10 that does not hold.
package enum TimingViolation: Hashable, Sendable, CaseIterable {
    /// T1: 3·renewInterval + requestTimeout + 2ρ·lease < lease.
    case twoRenewalsMayNotBeLost
    /// T2: margin ≥ 2ρ·lease/(1+ρ).
    case marginBelowDrift
    /// T4: actionPoll, waitPoll > requestTimeout.
    case pollsNotAboveRequestTimeout
    /// T4: resweepDelay ≥ renewInterval.
    case resweepBeforeRenewal
}

/// What bounds one ISP.
package struct ProcedureLimits: Hashable, Sendable {
    /// Members of one partition, the initiator's own node included.
    package var membersMax: Int = 64
    /// Members with whom a partition is planned for the first time, if there are as many: more give the plan a choice.
    package var membersMin: Int = 2
    /// Nodes asked in one sweep.
    package var hopsMax: Int = 1_024
    /// New solves after a member was lost or changed, per growth.
    package var resolvesMax: Int = 3
    /// New plans after an action failed.
    package var replansMax: Int = 2
    /// Steps of the solver in one solve.
    package var solverStepsMax: Int = 200_000

    package init() {}

    /// The members with whom it is worth while to search again after a search among `members` that was cut short: a
    /// quarter more. The searches of a sweep then cost a few times the last one, and not its size times as much
    /// (ADR 0017).
    func membersToSolve(afterSearchAmong members: Int) -> Int { members + max(1, members / 4) }
}

/// What an agent may do by itself.
package enum AgentMode: String, Hashable, Sendable, CaseIterable {
    /// Watches and answers, starts nothing.
    case off
    /// Plans, and keeps the plan for the operator to apply.
    case recommend
    case auto
}

/// When this node starts an ISP.
package struct TriggerSettings: Hashable, Sendable {
    package var thresholds = LoadThresholds(overloadPercent: 80, underloadPercent: 20)
    package var overloadEnabled = true
    /// Samples in a row that must show an overload.
    package var hold: Int = 2
    /// Or so many that show more than the node has to give, where guests already go short.
    package var holdExceeded: Int = 2
    package var underloadEnabled = false
    /// An underload is looked at again after a random part of this.
    package var underloadDelayMax: Duration = .seconds(120)
    /// The first pause after an ISP that did not solve its trigger; doubles up to ``retryDelayMax``.
    package var retryDelay: Duration = .seconds(5)
    package var retryDelayMax: Duration = .seconds(320)
    package var sampleInterval: Duration = .seconds(2)
    /// After this time an old sample counts half.
    package var halfLife: Duration = .seconds(4)

    package init() {}
}

/// How guests are moved and left alone.
package struct MigrationSettings: Hashable, Sendable {
    /// Flights into, and out of, one node at once.
    package var incomingMax: Int = 1
    package var outgoingMax: Int = 1
    /// 0: as fast as the link goes.
    package var bandwidthMiBPerSecond: Int = 0
    package var autoConverge = true
    package var tls = false
    /// A guest that was moved stays for this long; doubles with each further move up to ``cooldownMax``.
    package var cooldown: Duration = .seconds(60)
    package var cooldownMax: Duration = .seconds(3_600)
    /// A move back to where a guest came from within this time is refused and counted.
    package var pingPongWindow: Duration = .seconds(600)
    /// What the plans that this node's ISPs make are to keep small.
    package var costWeights = CostWeights.transferTime
    /// ``PlacementProblem/demandPersistencePercent`` of the problems that they solve.
    package var demandPersistencePercent = 100

    package init() {}
}

/// Everything an agent is set to.
package struct AgentSettings: Sendable {
    package var mode = AgentMode.auto
    package var timings = ProtocolTimings()
    package var limits = ProcedureLimits()
    package var triggers = TriggerSettings()
    package var migration = MigrationSettings()
    /// What must hold of every placement besides that no node is overloaded.
    package var constraints: [any PlacementConstraint] = []
    /// What the node keeps back for itself.
    package var reserved = Resources.zero
    /// Speed of the node's migration link, in Mbit/s.
    package var linkMbps: Int = 1_000

    package init() {}

    /// What a plan may count on at each node.
    var flightCaps: FlightCaps {
        FlightCaps(perNodeIn: self.migration.incomingMax, perNodeOut: self.migration.outgoingMax)
    }
}
