import Placement
import Settings
import Testing

@Suite("A quantity in a config file")
struct QuantityTests {
    @Test(
        "is read exactly, or refused",
        arguments: [
            ("sampling: {half_life: 1.5s}", true), ("sampling: {half_life: 90min}", true),
            ("sampling: {half_life: 1.000000001s}", true), ("sampling: {half_life: 1.000000001h}", true),
            ("sampling: {half_life: 1.0000000001s}", false), ("sampling: {half_life: -1s}", false),
            ("sampling: {half_life: 1 s}", false), ("sampling: {half_life: 1sec}", false),
            ("sampling: {half_life: .5s}", false), ("sampling: {half_life: 1.s}", false),
            ("sampling: {half_life: 99999999999999999999s}", false),
            ("sampling: {half_life: 9223372036854775807h}", false),
            ("sampling: {half_life: 1e3s}", false), ("sampling: {half_life: ١s}", false),
            ("reserve: {memory: 1.5GiB}", true), ("reserve: {memory: 1.25GiB}", true),
            ("reserve: {memory: 0.0001GiB}", false),
            ("reserve: {memory: 8GB}", false), ("reserve: {memory: 8}", false),
            ("reserve: {memory: 9223372036854775807MiB}", false),
            ("reserve: {cpu: 0.5}", true), ("reserve: {cpu: 4000m}", true), ("reserve: {cpu: 0.0001}", false),
            ("reserve: {cpu: 4 cores}", false), ("migration: {bandwidth: 100MiB/s}", true),
            ("migration: {bandwidth: unlimited}", true), ("migration: {bandwidth: 0MiB/s}", false),
            ("migration: {bandwidth: 100MB/s}", false), ("link: 2.5Gbit/s", true), ("link: 1GiB/s", false),
            ("link: 0Mbit/s", false), ("thresholds: {overload: 80}", false), ("thresholds: {overload: 0%}", false),
            ("thresholds: {overload: 80.5%}", false), ("reservation: {rho: 0.0000001}", false),
            ("reservation: {rho: 0.000001}", true), ("reservation: {rho: 0.2}", false), ("solver: {steps: 1.5}", false),
        ])
    func quantity(line: String, accepted: Bool) {
        let problems = SettingsFixture.problems(SettingsFixture.minimal + line + "\n")
        #expect(problems.isEmpty == accepted, "\(problems)")
        #expect(problems.count <= 1)
    }

    @Test("means what its unit says")
    func values() throws {
        let settings = try SettingsFixture.read(
            SettingsFixture.minimal + """
                sampling: {interval: 250ms, half_life: 1.5min}
                reserve: {cpu: 0.25, memory: 1.5GiB}
                migration: {bandwidth: 1.5GiB/s}
                link: 2.5Gbit/s
                reservation: {rho: 0.0005}
                """)
        #expect(settings.sampling.interval == .milliseconds(250) && settings.sampling.halfLife == .seconds(90))
        #expect(settings.reserve.cpuMillicores == 250 && settings.reserve.memoryMiB == 1_536)
        #expect(settings.migration.bandwidthMiBPerSecond == 1_536 && settings.linkMbps == 2_500)
        #expect(settings.reservation.rhoPartsPerMillion == 500)
    }

    @Test(
        "of time is written to the nanosecond, and read as it is written",
        arguments: [
            (0, "0s"), (1, "1ns"), (999, "999ns"), (1_500, "1.5us"), (11_106_555, "11.106555ms"),
            (200_000_000, "200ms"), (1_000_000_000, "1s"), (57_857_949_909, "57.857949909s"),
            (1_000_000_001, "1.000000001s"), (86_400_000_000_000, "86400s"),
        ])
    func exactDuration(nanoseconds: Int64, text: String) throws {
        #expect(DurationText.exact(.nanoseconds(nanoseconds)) == text)
        #expect(try Quantities.duration(text) == .nanoseconds(nanoseconds))
    }

    @Test(
        "that is an address has a host and a port",
        arguments: [
            ("10.0.0.1:7400", "10.0.0.1:7400", false), ("[::1]:1", "[::1]:1", true),
            ("127.9.9.9:65535", "127.9.9.9:65535", true),
            ("localhost:80", "localhost:80", true), ("h1.example:7400", "h1.example:7400", false),
            ("127.0.0.1.evil.example:80", "127.0.0.1.evil.example:80", false),
            ("::1:80", nil, false), ("h1", nil, false), ("h1:0", nil, false), ("h1:65536", nil, false),
            (":80", nil, false),
            ("h 1:80", nil, false), ("[h1]:80", nil, false), ("h1:+8", nil, false), ("", nil, false),
        ])
    func address(text: String, shown: String?, loopback: Bool) {
        let address = NodeAddress(text)
        #expect(address?.description == shown)
        #expect(address?.isLoopback ?? false == loopback)
    }
}
