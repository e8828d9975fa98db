import Basis

/// The times and limits of the reservation protocol (PROTOCOL.md §10, whose names these are).
package struct ReservationSettings: Hashable, Sendable {
    /// How long a node stays reserved after the last sign of life of the ISP that holds it.
    package var lease = Duration.seconds(10)
    package var renewInterval = Duration.milliseconds(2_500)
    /// How long an agent waits for the answer to one request.
    package var requestTimeout = Duration.seconds(1)
    /// Before the end of a lease, the time in which the initiator no longer counts on it.
    package var margin = Duration.seconds(1)
    /// ρ, the bound on how much faster one clock runs than another, in parts per million.
    package var rhoPartsPerMillion = 1_000
    /// The longest pause of the initiator that T2 allows between looking at a lease and sending `migrate`.
    package var pauseTolerated = Duration.milliseconds(500)
    /// How often a blocked ISP asks those it waits for.
    package var waitPoll = Duration.seconds(2)
    /// How long a blocked ISP waits before it sweeps again. Doubles up to `resweepDelayMax`.
    package var resweepDelay = Duration.milliseconds(2_500)
    package var resweepDelayMax = Duration.seconds(20)
    /// After this an ISP gives up waiting for others.
    package var blockedWait = Duration.seconds(60)
    /// How often the source of a migration is asked how it stands.
    package var actionPoll = Duration.seconds(2)
    /// How often a plan is looked for again because a member changed.
    package var maxResolves = 3
    /// How often a plan is looked for again because an action failed.
    package var maxReplans = 2
    /// Bounds growing, solving and blocked together; a flight is never cut off by it (T7).
    package var ispDeadline = Duration.seconds(300)
    /// The nodes with which a partition is planned for the first time, if there are as many.
    package var partitionNodesMin = 2
    /// The most nodes of one partition.
    package var partitionNodesMax = 64
    /// The most nodes one ISP asks in one sweep.
    package var hopsMax = 1_024

    package init() {}
}

extension ReservationSettings {
    /// One inequality of PROTOCOL.md §10 that does not hold.
    package struct BrokenRule: Hashable, Sendable {
        /// The key, within the section, whose line the problem is reported on.
        package var key: String
        /// The rule with its numbers.
        package var text: String
    }

    /// The rules T1, T2 and T4 that these times break, with the numbers.
    ///
    /// The others are kept by the program whatever the times: T5, because the destination itself adds
    /// `request_timeout + margin` to what the source says.
    package func brokenRules() -> [BrokenRule] {
        var broken: [BrokenRule] = []
        func require(_ holds: Bool, _ key: String, _ rule: String, _ numbers: String) {
            if !holds { broken.append(BrokenRule(key: key, text: "\(rule) does not hold: \(numbers)")) }
        }
        let text = DurationText.ofRoundedUp
        let leaseDrift = self.lease * (2 * self.rhoPartsPerMillion) / 1_000_000
        let needed = self.renewInterval * 3 + self.requestTimeout + leaseDrift
        require(
            needed < self.lease, "lease", "T1: 3·renew_interval + request_timeout + 2ρ·lease < lease",
            "3·\(text(self.renewInterval)) + \(text(self.requestTimeout)) + \(text(leaseDrift)) = \(text(needed)), "
                + "lease is \(text(self.lease))")

        let marginNeeded = leaseDrift * 1_000_000 / (1_000_000 + self.rhoPartsPerMillion) + self.pauseTolerated
        require(
            self.margin >= marginNeeded, "margin", "T2: margin ≥ 2ρ·lease/(1+ρ) + pause_tolerated",
            "needs \(text(marginNeeded)), margin is \(text(self.margin))")

        for (key, value) in [("action_poll", self.actionPoll), ("wait_poll", self.waitPoll)] {
            require(
                value > self.requestTimeout, key, "T4: \(key) > request_timeout",
                "\(key) is \(text(value)), request_timeout is \(text(self.requestTimeout))")
        }
        require(
            self.resweepDelay >= self.renewInterval, "resweep_delay", "T4: resweep_delay ≥ renew_interval",
            "resweep_delay is \(text(self.resweepDelay)), renew_interval is \(text(self.renewInterval))")
        require(
            self.resweepDelayMax >= self.resweepDelay, "resweep_delay_max", "resweep_delay_max ≥ resweep_delay",
            "resweep_delay_max is \(text(self.resweepDelayMax)), resweep_delay is \(text(self.resweepDelay))")
        return broken
    }
}
