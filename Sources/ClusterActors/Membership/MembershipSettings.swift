/// The numbers of the failure detector. The defaults suit 3 to 5,000 nodes on one site's network.
///
/// `n` below is the number of live members, `⌈log₂(n+1)⌉` the number of doublings that gossip needs to reach them all.
package struct MembershipSettings: Hashable, Sendable {
    /// Every how long a node probes one other member. SWIM's protocol period T′.
    ///
    /// A member is probed by one other on average once per interval, and by each other once in 2n−1 intervals at the
    /// latest; load per node does not depend on n.
    package var probeInterval: Duration = .seconds(1)

    /// How long the answer to a probe is waited for, and by relays as well. The originator waits twice as long for its
    /// relays, so a round takes 3 × this at the most, which must not exceed ``probeInterval``.
    package var probeTimeout: Duration = .milliseconds(300)

    /// Through how many members a silent one is probed again. SWIM's k.
    package var indirectProbes = 3

    /// A fact is passed on `gossipMultiplier × ⌈log₂(n+1)⌉` times. SWIM's λ.
    package var gossipMultiplier = 3

    /// How many bytes of gossip one message carries at the most.
    package var gossipBytesMax = 8_192

    /// How many facts wait to be passed on; beyond it the most told are dropped, and come with an exchange.
    package var gossipQueueMax = 4_096

    /// A suspicion that enough others confirm lasts
    /// `(suspicionBasePeriods + suspicionPeriodsPerDoubling × ⌈log₂(n+1)⌉) × probeInterval`.
    ///
    /// 6 s for 3 members, 11 s for 64, 17 s for 5,000: near Lifeguard's α·log₁₀(n) with α = 5.
    package var suspicionBasePeriods = 4
    package var suspicionPeriodsPerDoubling = 1

    /// A suspicion that nobody confirms lasts this many times as long. Lifeguard's β.
    package var suspicionMaxFactor = 6

    /// How many confirmations by others shorten a suspicion to the minimum. Lifeguard's K. In a ring of fewer than
    /// K + 2 members it is n − 2: nobody else is there to confirm.
    package var suspicionConfirmations = 3

    /// The worst local health: intervals and time-outs grow up to `healthMax + 1` times. Lifeguard's S.
    package var healthMax = 8

    /// Every how long a node exchanges what it knows with a random live member, so that lost gossip is made up for.
    package var exchangeInterval: Duration = .seconds(30)

    /// How long the answer to an exchange, or to a goodbye, is waited for.
    package var exchangeTimeout: Duration = .seconds(2)

    /// How many bytes of updates one exchange carries at the most. Must leave the frame's limit room.
    package var exchangeBytesMax = 512 * 1_024

    /// How many exchanges may be under way from one node.
    package var exchangesMax = 8

    /// Every how long a node considers to contact one dead member, to find out that a network split is over.
    ///
    /// It does so with probability `healRedundancy × dead / live`, so that each dead member is contacted about
    /// `healRedundancy` times per interval by all together, however large the ring.
    package var healInterval: Duration = .seconds(10)
    package var healRedundancy = 3

    /// How many members a starting node contacts at once; until one has answered, it tries one more per interval.
    package var startContacts = 3

    /// How many members a leaving node says goodbye to; they spread it.
    package var goodbyes = 5

    /// How many probes for others may be under way; beyond it the asker is told that the target is silent.
    package var relaysMax = 64

    /// How many hints of silence wait to be looked at; beyond it hints are dropped.
    package var hintsMax = 16

    /// How many members that are not listed in the ring config are taken in.
    package var joinedMax = 16_384

    /// For how long a dead or left member that is not listed is remembered.
    package var tombstoneRetention: Duration = .seconds(86_400)

    package init() {}

    /// - Throws: ``MembershipSettingsError``.
    package func validate() throws(MembershipSettingsError) {
        let durations = [
            ("probeInterval", self.probeInterval), ("probeTimeout", self.probeTimeout),
            ("exchangeInterval", self.exchangeInterval), ("exchangeTimeout", self.exchangeTimeout),
            ("healInterval", self.healInterval), ("tombstoneRetention", self.tombstoneRetention),
        ]
        for (name, duration) in durations where duration <= .zero || duration > .seconds(1_000_000) {
            throw .outOfRange(setting: name)
        }
        let counts = [
            ("indirectProbes", self.indirectProbes, 0...64), ("gossipMultiplier", self.gossipMultiplier, 1...1_000),
            ("gossipBytesMax", self.gossipBytesMax, MemberUpdate.bytesMax...1_000_000),
            ("gossipQueueMax", self.gossipQueueMax, 1...1_000_000),
            ("suspicionBasePeriods", self.suspicionBasePeriods, 1...1_000),
            ("suspicionPeriodsPerDoubling", self.suspicionPeriodsPerDoubling, 0...1_000),
            ("suspicionMaxFactor", self.suspicionMaxFactor, 1...100),
            ("suspicionConfirmations", self.suspicionConfirmations, 0...64), ("healthMax", self.healthMax, 0...100),
            ("exchangeBytesMax", self.exchangeBytesMax, MemberUpdate.bytesMax...16_000_000),
            ("exchangesMax", self.exchangesMax, 1...1_000), ("healRedundancy", self.healRedundancy, 1...1_000),
            ("startContacts", self.startContacts, 1...64), ("goodbyes", self.goodbyes, 1...64),
            ("relaysMax", self.relaysMax, 1...10_000), ("hintsMax", self.hintsMax, 1...1_000),
            ("joinedMax", self.joinedMax, 0...RingConfig.membersMax),
        ]
        for (name, count, range) in counts where !range.contains(count) {
            throw .outOfRange(setting: name)
        }
        guard self.probeTimeout * 3 <= self.probeInterval else {
            throw .probeRoundTooLong(round: self.probeTimeout * 3, probeInterval: self.probeInterval)
        }
    }
}

/// Why settings cannot be run with.
package enum MembershipSettingsError: Error, Hashable, Sendable {
    case outOfRange(setting: String)
    /// A probe, with its relays, would not be over when the next one starts.
    case probeRoundTooLong(round: Duration, probeInterval: Duration)
}

// MARK: - Formulas

extension MembershipSettings {
    /// How often a fact is passed on in a ring of `members` live members.
    package func gossipTransmissions(members: Int) -> Int {
        self.gossipMultiplier * Self.doublings(members: members)
    }

    /// How long a suspicion lasts that is confirmed often enough.
    package func suspicionMinimum(members: Int) -> Duration {
        let periods = self.suspicionBasePeriods + self.suspicionPeriodsPerDoubling * Self.doublings(members: members)
        return self.probeInterval * periods
    }

    /// How long a suspicion lasts that nobody confirms.
    package func suspicionMaximum(members: Int) -> Duration {
        self.suspicionMinimum(members: members) * self.suspicionMaxFactor
    }

    /// How many confirmations shorten a suspicion to the minimum.
    func confirmationsWanted(members: Int) -> Int {
        max(0, min(self.suspicionConfirmations, members - 2))
    }

    /// ⌈log₂(members + 1)⌉, at least 1.
    static func doublings(members: Int) -> Int {
        max(1, Int.bitWidth - max(0, members).leadingZeroBitCount)
    }
}
