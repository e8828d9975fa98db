import Basis
package import Placement

/// What starts an ISP, and when it is tried again.
package struct TriggerSettings: Hashable, Sendable {
    package var overloadEnabled = true
    /// Samples in a row that must show an overload.
    package var overloadHoldSamples = 2
    /// Or so many that show more than the node has to give.
    package var exceededHoldSamples = 2
    package var underloadEnabled = false
    /// An underload is looked at again after a random time up to this, so that not all idle nodes start at once.
    package var underloadDelayMax = Duration.seconds(120)
    /// The first pause after an ISP that did not solve its trigger. Doubles up to `retryDelayMax`.
    package var retryDelay = Duration.seconds(5)
    package var retryDelayMax = Duration.seconds(320)

    package init() {}
}

/// How often the hypervisor is asked, and how fast old demand is forgotten.
package struct SamplingSettings: Hashable, Sendable {
    package var interval = Duration.seconds(2)
    /// After this long without confirmation a demand counts half. Zero: only the latest sample counts.
    package var halfLife = Duration.seconds(4)

    package init() {}
}

/// What one migration may take, and how many may run at one node.
package struct MigrationSettings: Hashable, Sendable {
    /// In MiB per second; 0: as fast as the link goes.
    package var bandwidthMiBPerSecond = 0
    /// Slow a guest down whose memory does not converge.
    package var autoConverge = true
    /// Migrations into one node at a time.
    package var perNodeIn = 1
    /// Migrations out of one node at a time.
    package var perNodeOut = 1
    /// A migration is given at least this long, however small the guest.
    package var timeLimitFloor = Duration.seconds(60)
    /// And at most this long, however big (PROTOCOL.md §10: `flightTimeout` ≤ 30 min).
    package var timeLimitCeiling = Duration.seconds(30 * 60)
    /// What the plans that this node's ISPs make are to keep small.
    package var costWeights = CostWeights.transferTime
    /// How much of what a guest wants above or below the average is expected to stay.
    package var demandPersistencePercent = 100

    package init() {}
}

/// How long a VM that was moved stays where it is.
package struct CooldownSettings: Hashable, Sendable {
    /// After its first move. Doubles with each further one.
    package var base = Duration.seconds(60)
    /// It never grows beyond this.
    package var ceiling = Duration.seconds(3_600)
    /// A move back to where the VM came from within this time is refused.
    package var pingPongWindow = Duration.seconds(600)

    package init() {}
}

/// Failure detection and gossip (SWIM, DSN 2002; Lifeguard, arXiv:1707.00788). `n` is the number of live members.
package struct FailureDetectionSettings: Hashable, Sendable {
    /// One member is probed per interval.
    package var probeInterval = Duration.seconds(1)
    /// Without an answer for this long, others are asked to probe. Three of these must fit into `probeInterval`.
    package var probeTimeout = Duration.milliseconds(300)
    /// How many others are asked.
    package var indirectProbes = 3
    /// Each piece of gossip is sent on this × ⌈log₂(n+1)⌉ times.
    package var gossipMultiplier = 3
    /// A confirmed suspicion lasts (this + `suspicionPeriodsPerDoubling` × ⌈log₂(n+1)⌉) × `probeInterval`.
    package var suspicionBasePeriods = 4
    package var suspicionPeriodsPerDoubling = 1
    /// An unconfirmed suspicion lasts this many times as long.
    package var suspicionMaxFactor = 6
    /// How many confirmations by others shorten a suspicion to the minimum.
    package var suspicionConfirmations = 3
    /// A node that doubts its own health stretches its probing up to this + 1 times.
    package var healthMax = 8
    /// Every how long what is known is exchanged with one live member.
    package var exchangeInterval = Duration.seconds(30)
    /// Every how long a dead member is considered for contact, to find out that a network split is over.
    package var healInterval = Duration.seconds(10)

    package init() {}
}
