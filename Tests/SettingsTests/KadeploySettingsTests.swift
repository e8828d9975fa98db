import Settings
import Testing

@Suite("A fleet's file that has systems installed by Kadeploy")
struct KadeploySettingsTests {
    private static func text(_ preparation: String, booking: String = "provider: oar") -> String {
        FleetText.small("preparation: \(preparation)\nbooking: {\(booking)}")
    }

    private static func kadeploy(_ preparation: String, booking: String = "provider: oar") throws -> KadeploySettings? {
        try FleetSettings.read(file: "fleet.yaml") { _ in Self.text(preparation, booking: booking) }.kadeploy
    }

    @Test("says what its client is to be asked, and has defaults")
    func keys() throws {
        let plain = try #require(try Self.kadeploy("{kadeploy: {environment: debian12-min}}"))
        #expect(plain == KadeploySettings(environment: .recorded(name: "debian12-min", user: nil)))
        #expect(plain.limit == .seconds(1_800))
        let full = try #require(
            try Self.kadeploy(
                """
                {kadeploy: {environment: mine, user: jdoe, key: .ssh/id.pub, partition: 3, vlan: 5, limit: 45min,
                    frontend: {address: k.example, user: jd}}}
                """, booking: "provider: oar, frontend: {address: o.example, user: jdoe}"))
        #expect(full.environment == .recorded(name: "mine", user: "jdoe") && full.key == ".ssh/id.pub")
        #expect(full.partition == "3" && full.vlan == "5" && full.limit == .seconds(2_700))
        #expect(full.frontend == FrontendSettings(address: "k.example", user: "jd"))
    }

    @Test("has the frontend of the batch system, and a description in place of a name")
    func described() throws {
        let settings = try #require(
            try Self.kadeploy(
                "{kadeploy: {environment_file: \"http://k.example/debian.yaml\"}}",
                booking: "provider: oar, frontend: {address: o.example, user: jdoe}"))
        #expect(settings.environment == .described(file: "http://k.example/debian.yaml"))
        #expect(settings.frontend == FrontendSettings(address: "o.example", user: "jdoe"))
    }

    @Test(
        "says where it is wrong, all at once",
        arguments: [
            ("{}", ["2: preparation.kadeploy: missing"]),
            ("{kadeploy: {}}", ["2: preparation.kadeploy: expected one of environment, environment_file, got none"]),
            (
                "{kadeploy: {environment: -x, user: \"a b\", limit: 1s}}",
                [
                    "2: preparation.kadeploy.environment: expected a word that does not begin with -",
                    "2: preparation.kadeploy.user: expected a user name",
                    "2: preparation.kadeploy.limit: expected 1min to 24h, got 1s",
                ]
            ),
            (
                "{kadeploy: {environment_file: a, user: b, vlann: 5}}",
                [
                    "2: preparation.kadeploy.user: goes with environment only",
                    "2: preparation.kadeploy.vlann: unknown key; did you mean vlan?",
                ]
            ),
            (
                "{kadeploy: {environment: a, environment_file: b}}",
                ["2: preparation.kadeploy: expected one of environment, environment_file, got environment and"]
            ),
        ])
    func problems(preparation: String, problems: [String]) {
        let error = #expect(throws: InvalidSettings.self) { _ = try Self.kadeploy(preparation) }
        let found = error?.problems.map { "\($0.line): \($0.key): \($0.text)" } ?? []
        #expect(found.count == problems.count, "\(found)")
        #expect(problems.allSatisfy { problem in found.contains { $0.hasPrefix(problem) } }, "\(found)")
    }
}
