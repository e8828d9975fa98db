import ClusterActors
import Testing

@Suite("Protocol timings")
struct TimingTests {
    @Test("the defaults of PROTOCOL.md §10 break nothing")
    func defaults() {
        #expect(ProtocolTimings().violations.isEmpty)
    }

    @Test(
        "each inequality is found by its own violation",
        arguments: [
            (TimingViolation.twoRenewalsMayNotBeLost, \ProtocolTimings.lease, Duration.milliseconds(8_500)),
            (.marginBelowDrift, \.margin, .milliseconds(19)),
            (.pollsNotAboveRequestTimeout, \.waitPoll, .seconds(1)),
            (.pollsNotAboveRequestTimeout, \.actionPoll, .milliseconds(500)),
            (.resweepBeforeRenewal, \.resweepDelay, .seconds(2)),
        ])
    func violations(
        expected: TimingViolation, time: WritableKeyPath<ProtocolTimings, Duration> & Sendable, value: Duration
    ) {
        var timings = ProtocolTimings()
        timings[keyPath: time] = value
        #expect(timings.violations == [expected])
    }

    @Test("T5: the destination outlasts the source by a request and a margin")
    func destinationOutlastsSource() {
        #expect(ProtocolTimings().destinationTimeout(forSource: .seconds(60)) == .seconds(62))
    }
}
