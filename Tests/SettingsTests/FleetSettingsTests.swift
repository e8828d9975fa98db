import Basis
import Settings
import Testing

@Suite("The file of a fleet")
struct FleetSettingsTests {
    private static let minimal = FleetText.small(
        """
        inventory:
          hosts:
            - {id: h1, address: 192.0.2.1}
        """)

    private static func problems(_ text: String) -> [String] {
        do {
            _ = try FleetSettings.read(file: "etc/fleet.yaml") { _ in text }
            return []
        } catch {
            return error.problems.map { "\($0.line): \($0.key): \($0.text)" }
        }
    }

    @Test("that comes with DVMS is read without a problem")
    func example() throws {
        let file = "\(SettingsFixture.configs)/fleet.yaml"
        let fleet = try FleetSettings.read(file: file, contentsOf: SettingsFixture.fileText)
        #expect(fleet.name == "example" && fleet.inventory.count == 4)
        #expect(fleet.guestCount == 22 && fleet.groups[0].name(20) == "web-20")
        #expect(fleet.booking.hosts == 3 && fleet.booking.spares == 1)
        #expect(fleet.inventory[3].memoryMiB == 32_768 && fleet.inventory[0].memoryMiB == nil)
        #expect(fleet.image.file == "\(SettingsFixture.configs)/debian.qcow2")
        #expect(fleet.cpuOvercommitPercent == 300 && fleet.reservedMemoryMiB == 512)
        // What the example shows as defaults are the defaults.
        #expect(fleet.limits == DeploymentLimits() && fleet.retries == RetrySettings())
        #expect(fleet.timeouts == StageTimeouts())
        #expect(fleet.agents == FleetAgents(program: "\(SettingsFixture.configs)/dvmsd", port: 7_400))
    }

    @Test("needs little, and has defaults for the rest")
    func defaults() throws {
        let fleet = try FleetSettings.read(file: "fleet.yaml") { _ in Self.minimal }
        #expect(fleet.booking.hosts == 1 && fleet.booking.spares == 0)
        #expect(fleet.booking.walltime == .seconds(3_600) && fleet.booking.required == HostRequirements())
        #expect(fleet.network.isolation == .none && fleet.distribution == .roundRobin && fleet.seed == 1)
        #expect(fleet.cpuOvercommitPercent == 100 && fleet.templates[0].diskGiB == 4)
        #expect(fleet.inventory[0].sshUser == "root" && fleet.inventory[0].sshPort == 22)
    }

    @Test("names agents, or none")
    func agents() throws {
        func agents(_ text: String) throws -> FleetAgents? {
            try FleetSettings.read(file: "etc/fleet.yaml") { _ in Self.minimal + text }.agents
        }
        #expect(try agents("") == nil)
        #expect(try agents("agents: {program: dvmsd}") == FleetAgents(program: "etc/dvmsd", port: 7_400))
        #expect(
            try agents("agents: {program: /d, port: 1, mode: off, migration_uri: u, settings: m.yaml}")
                == FleetAgents(program: "/d", port: 1, mode: .off, migrationURI: "u", settings: "etc/m.yaml"))
        let first = Self.minimal.split(separator: "\n").count + 1
        #expect(
            Self.problems(Self.minimal + "agents: {port: 0, mode: on, timeout: 1s}\n").map { $0.prefix { $0 != " " } }
                == [
                    "\(first):", "\(first):", "\(first):", "\(first):",
                ])
    }

    @Test("says all that is missing at once")
    func missing() {
        #expect(
            Self.problems("{}") == [
                "1: fleet: missing", "1: image.file: missing",
                "1: inventory.hosts: expected at least 1 host, got none", "1: network.subnet: missing",
                "1: templates: expected at least 1 template, got none",
                "1: vms: expected at least 1 group of VMs, got none",
            ])
    }

    @Test(
        "says where it is wrong, and what was expected",
        arguments: [
            ("fleet: small", "fleet: Small", "1: fleet: expected a name of 1 to 12 characters"),
            (
                "    - {id: h1, address: 192.0.2.1}",
                "    - {id: h1, address: 192.0.2.1}\n    - {id: h1, address: 192.0.2.2}",
                "5: inventory.hosts[1].id: host h1 stands twice, first on line 4"
            ),
            ("192.0.2.1}", "\"192.0.2.1:22\"}", "4: inventory.hosts[0].address: expected a host name or an address"),
            ("10.0.0.0/24", "10.0.0.1/24", "5: network.subnet: expected an IPv4 subnet without bits behind"),
            ("10.0.0.0/24", "10.0.0.0/33", "5: network.subnet: expected an IPv4 subnet without bits behind"),
            ("1GiB", "1024", "8: templates[0].memory: expected a size in whole MiB with its unit"),
            ("template: t,", "template: u,", "10: vms[0].template: there is no template u; did you mean t?"),
            ("vm-{n}", "vm", "10: vms[0].name: expected a name out of a-z 0-9 and - with {n}"),
            ("vm-{n}", "{n}_vm", "10: vms[0].name: expected a name out of a-z 0-9 and - with {n}"),
            ("count: 2", "count: 0", "10: vms[0].count: expected 1 to 65536, got 0"),
            (
                "fleet: small", "booking: {hosts: 1, spares: 1}\nfleet: small",
                "1: booking.hosts: expected at most the 1 hosts of the inventory, got 1 and 1 spares"
            ),
            ("fleet: small", "fleet: small\nlimit: {}", "2: limit: unknown key; did you mean limits?"),
            (
                "debian.qcow2}", "debian.qcow2, sha256: abc}",
                "6: image.sha256: expected a SHA-256 of 64 hexadecimal digits, got \"abc\""
            ),
        ])
    func problems(text: String, replacement: String, problem: String) throws {
        let found = Self.problems(Self.minimal.replacing(text, with: replacement))
        #expect(found.count == 1 && found[0].hasPrefix(problem), "\(found)")
    }

    @Test("refuses names that two groups give, and names that are too long")
    func names() {
        let doubled = Self.minimal + "  - {template: t, count: 1, name: \"vm-{n}\"}\n"
        #expect(Self.problems(doubled) == ["11: vms[1].name: the name vm-1 is given twice"])
        let long = String(repeating: "a", count: 62)
        #expect(Self.problems(Self.minimal.replacing("vm-{n}", with: "\(long){n}")) == [])
        #expect(Self.problems(Self.minimal.replacing("vm-{n}", with: "\(long)a{n}")).count == 1)
    }
}

@Suite("IPv4 addresses and subnets")
struct IPv4SubnetTests {
    @Test(
        "are read as they are written, and nothing else is",
        arguments: [
            ("10.158.0.0/18", true), ("0.0.0.0/0", true), ("10.0.0.1/32", true), ("10.0.0.0/8", true),
            ("10.158.64.0/17", false), ("10.0.0.0", false), ("10.0.0.0/", false), ("10.0.0/8", false),
            ("10.00.0.0/8", false), ("10.0.0.256/32", false), ("+1.0.0.0/8", false), ("10.0.0.0/-1", false),
        ])
    func subnets(text: String, isSubnet: Bool) {
        #expect(IPv4Subnet(text)?.description == (isSubnet ? text : nil))
    }

    @Test("know their bounds")
    func bounds() throws {
        let subnet = try #require(IPv4Subnet("10.158.0.0/18"))
        #expect(subnet.addressCount == 16_384)
        #expect(subnet.broadcast.description == "10.158.63.255")
        #expect(subnet.contains(subnet.broadcast) && subnet.contains(subnet.network))
        #expect(!subnet.contains(try #require(IPv4Address("10.158.64.0"))))
        #expect(IPv4Subnet("0.0.0.0/0")?.broadcast.description == "255.255.255.255")
    }
}
