import Settings
import Testing

@Suite("A fleet's file that books from a batch system")
struct BatchSettingsTests {
    private static func text(_ booking: String, inventory: String = "") -> String {
        FleetText.small("booking: {\(booking)}\n\(inventory)")
    }

    private static func problems(_ text: String) -> [String] {
        do {
            _ = try FleetSettings.read(file: "etc/fleet.yaml") { _ in text }
            return []
        } catch {
            return error.problems.map { "\($0.line): \($0.key): \($0.text)" }
        }
    }

    private static func batch(_ booking: String) throws -> BatchSettings {
        let fleet = try FleetSettings.read(file: "fleet.yaml") { _ in Self.text(booking) }
        guard case .batch(let settings) = fleet.booking.provider else {
            throw InvalidSettings([SettingsProblem(file: "", line: 1, key: "", text: "no batch system")])
        }
        return settings
    }

    @Test("needs no inventory, and has defaults")
    func defaults() throws {
        #expect(try Self.batch("provider: oar") == BatchSettings(asks: .oar(OARSettings())))
        #expect(try Self.batch("provider: slurm") == BatchSettings(asks: .slurm(SlurmSettings())))
        let fleet = try FleetSettings.read(file: "fleet.yaml") { _ in Self.text("provider: slurm") }
        #expect(fleet.booking.hosts == 1 && fleet.inventory.isEmpty)
    }

    @Test("says what its client is to be asked")
    func keys() throws {
        let oar = try Self.batch(
            """
            provider: oar, hosts: 3, begin: "2026-12-01 20:00:00", wait_max: 2h,
              frontend: {address: frennes.example, user: jdoe, port: 2222}, ssh: {user: admin, port: 23},
              oar: {properties: "cluster = 'a' and mem > 1", queue: default, project: p, unit: /switch=1/nodes, types: [deploy]}
            """)
        var settings = OARSettings()
        settings.properties = "cluster = 'a' and mem > 1"
        settings.queue = "default"
        settings.project = "p"
        settings.unit = "/switch=1/nodes"
        settings.types = ["deploy"]
        #expect(oar.asks == .oar(settings) && oar.waitMax == .seconds(7_200))
        #expect(oar.begin?.date == "2026-12-01" && oar.begin?.time == "20:00:00")
        #expect(oar.frontend == FrontendSettings(address: "frennes.example", user: "jdoe", port: 2_222))
        #expect(oar.hostUser == "admin" && oar.hostPort == 23)

        let slurm = try Self.batch(
            "provider: slurm, slurm: {partition: main, constraint: \"a&b\", account: acc, exclusive: false}")
        var other = SlurmSettings()
        other.partition = "main"
        other.constraint = "a&b"
        other.account = "acc"
        other.isExclusive = false
        #expect(slurm.asks == .slurm(other))
    }

    @Test(
        "says where it is wrong",
        arguments: [
            ("provider: oar, slurm: {}", "2: booking.slurm: goes with provider slurm, not oar"),
            ("provider: slurm, oar: {}", "2: booking.oar: goes with provider oar, not slurm"),
            ("provider: oar, begin: tomorrow", "2: booking.begin: expected a date and a time of the frontend"),
            ("provider: oar, begin: \"2026-13-01 20:00:00\"", "2: booking.begin: expected a date and a time"),
            ("provider: oar, begin: \"2026-12-01 24:00:00\"", "2: booking.begin: expected a date and a time"),
            ("provider: oar, begin: \"2026-12-1 20:00:00\"", "2: booking.begin: expected a date and a time"),
            ("provider: oar, frontend: {address: f}", "2: booking.frontend.user: missing"),
            ("provider: oar, frontend: {user: f}", "2: booking.frontend.address: missing"),
            (
                "provider: oar, frontend: {address: f, user: u, prt: 1}",
                "2: booking.frontend.prt: unknown key; did you mean port?"
            ),
            ("provider: oar, oar: {queue: -x}", "2: booking.oar.queue: expected a word that does not begin with -"),
            ("provider: oar, oar: {unit: \"nodes=2\"}", "2: booking.oar.unit: expected what the hosts are counted in"),
            (
                "provider: oar, oar: {unit: \"nodes,walltime\"}",
                "2: booking.oar.unit: expected what the hosts are counted in"
            ),
            ("provider: oar, oar: {propertys: x}", "2: booking.oar.propertys: unknown key; did you mean properties?"),
            ("provider: slurm, slurm: {exclusive: maybe}", "2: booking.slurm.exclusive: expected true or false"),
            ("provider: slurm, wait_max: 0s", "2: booking.wait_max: expected 1s to 720h, got 0s"),
        ])
    func problems(booking: String, problem: String) {
        let found = Self.problems(Self.text(booking))
        #expect(found.count == 1 && found[0].hasPrefix(problem), "\(found)")
    }

    @Test("says of keys of a batch system that an inventory has none, all at once")
    func inventory() {
        let listed = "inventory: {hosts: [{id: h1, address: 192.0.2.1}]}"
        #expect(
            Self.problems(Self.text("wait_max: 1h, slurm: {partition: main}", inventory: listed)) == [
                "2: booking.slurm: goes with provider oar or slurm only",
                "2: booking.wait_max: goes with provider oar or slurm only",
            ])
        #expect(
            Self.problems(Self.text("provider: pbs", inventory: listed)) == [
                "2: booking.provider: expected one of inventory, oar, slurm, got \"pbs\""
            ])
        #expect(
            Self.problems(Self.text("hosts: 1")) == ["1: inventory.hosts: expected at least 1 host, got none"])
    }
}
