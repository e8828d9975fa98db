import Basis
import Placement
import Settings
import Testing

@Suite("A config file that is wrong")
struct SettingsProblemTests {
    @Test("is told of every semantic error at once, in the order of its lines")
    func allAtOnce() {
        let text = """
            node: n1
            cluster: test
            ring:
              nodes:
                - {id: n1, address: "127.0.0.1:7401"}
                - {id: n2, address: "127.0.0.1"}
                - {id: n1, address: "127.0.0.1:7403"}
            mode: automatic
            reservaton: {lease: 10s}
            mode: off
            link: 10
            sampling:
              interval: 5
              half_life: 10s
              half_life: 20s
            """
        #expect(
            SettingsFixture.problems(text) == [
                "6: ring.nodes[1].address: expected host:port with a port from 1 to 65535, such as 10.0.0.1:7400 or "
                    + "[::1]:7400, got \"127.0.0.1\"",
                "7: ring.nodes[2].id: node n1 stands twice, first on line 5",
                "8: mode: expected one of off, recommend, auto, got \"automatic\"",
                "9: reservaton: unknown key; did you mean reservation?",
                "10: mode: stands twice, first on line 8",
                "11: link: expected a link speed in whole Mbit/s with its unit (Mbit/s, Gbit/s), such as 10Gbit/s, "
                    + "got \"10\"",
                "13: sampling.interval: expected a duration with its unit (ns, us, ms, s, min, h), such as 2.5s or "
                    + "250ms, got \"5\"",
                "15: sampling.half_life: stands twice, first on line 14",
            ])
    }

    @Test(
        "names the line and what was expected",
        arguments: [
            (
                "ring: {nodes: [{id: n1, address: \"127.0.0.1:1\"}]}\nnode: n1\ncluster: a\n",
                ["1: ring.nodes: expected at least 2 nodes, got 1: a ring of one has nobody to borrow from"]
            ),
            ("node: n3\ncluster: a\n" + SettingsFixture.ring, ["1: node: n3 is not in the ring; did you mean n1?"]),
            (
                "cluster: a\n" + SettingsFixture.ring,
                ["1: node: missing: say here or with --node which node of the ring this is"]
            ),
            ("node: n1\n" + SettingsFixture.ring, ["1: cluster: missing: name the cluster, alike on all its nodes"]),
            (
                "node: n1\ncluster: a\n",
                ["1: : expected ring with its nodes, or ring_file with the path of a shared one"]
            ),
            (
                "",
                [
                    "1: : expected ring with its nodes, or ring_file with the path of a shared one",
                    "1: cluster: missing: name the cluster, alike on all its nodes",
                    "1: node: missing: say here or with --node which node of the ring this is",
                ]
            ),
            (
                "- n1\n",
                [
                    "1: : expected keys and values, got a list",
                    "1: : expected ring with its nodes, or ring_file with the path of a shared one",
                    "1: cluster: missing: name the cluster, alike on all its nodes",
                    "1: node: missing: say here or with --node which node of the ring this is",
                ]
            ),
            (
                SettingsFixture.minimal + "listen: 0.0.0.0:7401\n",
                [
                    "7: listen: expected tls, because 0.0.0.0:7401 is not a loopback address (insecure: true accepts plain "
                        + "text there)"
                ]
            ),
            (
                SettingsFixture.minimal + "tls: {ca: a, certificate: b}\ninsecure: true\n",
                [
                    "7: tls.key: missing: TLS needs ca, certificate and key",
                    "8: insecure: insecure: true and tls exclude each other",
                ]
            ),
            (
                SettingsFixture.minimal + "thresholds: {overload: 20%, underload: 20%}\n",
                ["7: thresholds.underload: expected less than overload, got 20% against 20%: a load could be both"]
            ),
            (
                SettingsFixture.minimal + "state_dir: /var/{nod}\n",
                ["7: state_dir: expected {node} or {host} where a brace opens, got \"/var/{nod}\""]
            ),
            (
                SettingsFixture.minimal + "control_socket: /\(String(repeating: "x", count: 107))\n",
                [
                    "7: control_socket: expected a socket path of at most 107 bytes (/\(String(repeating: "x", count: 107)) "
                        + "has 108), got \"/\(String(repeating: "x", count: 107))\""
                ]
            ),
            (
                SettingsFixture.minimal
                    + "constraints:\n  - spread: [a, a]\n  - fence: {vms: [a], nodes: [n9]}\n  - {}\n",
                [
                    "8: constraints[0].spread: VM a stands twice",
                    "8: constraints[0].spread: expected at least 2 VMs, got 1",
                    "9: constraints[1].fence.nodes: n9 is not in the ring; did you mean n1?",
                    "10: constraints[2]: expected one of spread, gather, fence, ban, root, got none",
                ].sorted { Int($0.prefix { $0 != ":" })! < Int($1.prefix { $0 != ":" })! }
            ),
            (
                SettingsFixture.minimal + "log: {level: info, levels: 3}\n",
                ["7: log.levels: unknown key; did you mean level?"]
            ),
            (SettingsFixture.minimal + "log: {colour: red}\n", ["7: log.colour: unknown key; known here: level"]),
            (SettingsFixture.minimal + "insecure: yes\n", ["7: insecure: expected true or false, got \"yes\""]),
            (SettingsFixture.minimal + "insecure:\n", ["7: insecure: expected one value, got nothing"]),
            (SettingsFixture.minimal + "mode: [off]\n", ["7: mode: expected one value, got a list"]),
            (
                SettingsFixture.minimal + "migration: {per_node_in: 0}\n",
                ["7: migration.per_node_in: expected 1 to 64, got 0"]
            ),
            (
                SettingsFixture.minimal + "sampling: {interval: 1ms}\n",
                ["7: sampling.interval: expected 100ms to 1h, got 1ms"]
            ),
        ] as [(String, [String])])
    func eachProblem(text: String, expected: [String]) {
        #expect(SettingsFixture.problems(text).sorted() == expected.sorted())
    }

    @Test(
        "stops at a syntax error and says where",
        arguments: [
            ("node: n1\ncluster: [a\nmode: off\n", 3), ("node: n1\n\tcluster: a\n", 2), ("a: b: c\n", 1),
            ("a: 1\n---\nb: 2\n", 2), ("a: *b\n", 1), ("a: \u{1}\n", 1), (String(repeating: "[", count: 5_000), 1),
        ])
    func syntax(text: String, line: Int) {
        let problems = SettingsFixture.problems(text)
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("\(line): : not YAML: ") == true, "\(problems)")
    }

    @Test("lists so many problems and counts the rest")
    func manyProblems() {
        let unknown = (0..<250).map { "key\($0): 1\n" }.joined()
        do {
            _ = try SettingsFixture.read(SettingsFixture.minimal + unknown)
            Issue.record("unknown keys were taken")
        } catch let invalid as InvalidSettings {
            #expect(invalid.problems.count == InvalidSettings.problemsMax && invalid.omitted == 150)
            #expect(invalid.description.hasSuffix("and 150 more"))
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("is refused when it is too big to be a config file")
    func tooBig() {
        let text = String(repeating: "# nothing\n", count: 200_000)
        #expect(SettingsFixture.problems(text) == ["1: : expected a file of at most 1048576 bytes, got 2000000"])
    }

    @Test(
        "breaks a timing rule of the protocol and is told the numbers",
        arguments: [
            (
                "{lease: 8s}",
                [
                    "reservation.lease: T1: 3·renew_interval + request_timeout + 2ρ·lease < lease does not hold: "
                        + "3·2500ms + 1s + 16ms = 8516ms, lease is 8s"
                ]
            ),
            (
                "{margin: 519ms}",
                [
                    "reservation.margin: T2: margin ≥ 2ρ·lease/(1+ρ) + pause_tolerated does not hold: "
                        + "needs 519981us, margin is 519ms"
                ]
            ),
            (
                "{action_poll: 1s}",
                [
                    "reservation.action_poll: T4: action_poll > request_timeout does not hold: "
                        + "action_poll is 1s, request_timeout is 1s"
                ]
            ),
            (
                "{wait_poll: 500ms, resweep_delay: 2s}",
                [
                    "reservation.resweep_delay: T4: resweep_delay ≥ renew_interval does not hold: "
                        + "resweep_delay is 2s, renew_interval is 2500ms",
                    "reservation.wait_poll: T4: wait_poll > request_timeout does not hold: "
                        + "wait_poll is 500ms, request_timeout is 1s",
                ]
            ),
        ])
    func timing(section: String, expected: [String]) {
        let problems = SettingsFixture.problems(SettingsFixture.minimal + "reservation: \(section)\n")
        #expect(problems == expected.map { "7: \($0)" })
    }

    @Test(
        "that exactly meets the timing rules is taken",
        arguments: ["{margin: 520ms}", "{lease: 8518ms}"])
    func timingAtTheBoundary(section: String) {
        #expect(SettingsFixture.problems(SettingsFixture.minimal + "reservation: \(section)\n") == [])
    }

    @Test("may take its ring from a shared file, whose problems bear that file's name")
    func ringFile() throws {
        let text = "node: n1\ncluster: test\nring_file: shared/ring.yaml\n"
        let good = "order: listed\nnodes:\n  - {id: n2, address: \"[::1]:7\"}\n  - {id: n1, address: \"localhost:8\"}\n"
        let settings = try SettingsFixture.read(text, others: ["etc/shared/ring.yaml": good])
        #expect(settings.ring.order == .listed)
        #expect(settings.ring.nodes.map(\.id.name) == ["n2", "n1"])
        #expect(settings.listen.description == "localhost:8")

        do {
            _ = try SettingsFixture.read(text, others: ["etc/shared/ring.yaml": good + "odrer: sorted\n"])
            Issue.record("an unknown key was taken")
        } catch let invalid as InvalidSettings {
            #expect(invalid.description == "etc/shared/ring.yaml:5: odrer: unknown key; did you mean order?")
        }
        #expect(
            SettingsFixture.problems(text).contains {
                $0 == "3: ring_file: expected a readable file, got etc/shared/ring.yaml: no such file"
            })
        #expect(
            SettingsFixture.problems(text + SettingsFixture.ring).contains(
                "3: ring_file: ring and ring_file exclude each other"))
    }

    @Test("may give one node of the ring its own values")
    func overrides() throws {
        let text = """
            node: n2
            cluster: test
            ring:
              nodes:
                - {id: n1, address: "127.0.0.1:7401"}
                - id: n2
                  address: 127.0.0.1:7402
                  listen: 127.0.0.9:7402
                  link: 10Gbit/s
                  capacity: {memory: 64GiB}
                  reserve: {cpu: 250m}
            hypervisor: {libvirt: {capacity: {cpu: 16, memory: 32GiB}}}
            reserve: {cpu: 1, memory: 2GiB}
            """
        let settings = try SettingsFixture.read(text)
        #expect(settings.listen.description == "127.0.0.9:7402" && settings.linkMbps == 10_000)
        #expect(settings.reserve.cpuMillicores == 250 && settings.reserve.memoryMiB == 2_048)
        guard case .libvirt(let libvirt) = settings.hypervisor else {
            Issue.record("libvirt is the default")
            return
        }
        #expect(libvirt.capacity == Resources(cpuMillicores: 16_000, memoryMiB: 65_536))
        #expect(libvirt.migrationURI == "qemu+tls://127.0.0.1/system")
    }

    @Test(
        "name an IPv6 host in URIs as URIs do, and nowhere else",
        arguments: [
            ("[2001:db8::7]:7401", "{}", "qemu+tls://[2001:db8::7]/system"),
            ("[fe80::1%eth0]:7401", "{}", "qemu+tls://[fe80::1%25eth0]/system"),
            (
                "[::1]:7401", "{migration_uri: \"qemu+tls://{host}:16514/system?pkipath=/etc/{host}\"}",
                "qemu+tls://[::1]:16514/system?pkipath=/etc/::1"
            ),
            ("[::1]:7401", "{migration_uri: \"qemu+ssh://vm@{host}/system\"}", "qemu+ssh://vm@[::1]/system"),
            ("[::1]:7401", "{migration_uri: \"qemu+tcp://[{host}]/system\"}", "qemu+tcp://[::1]/system"),
            ("h1:7401", "{migration_uri: \"qemu+tcp://{host}/system\"}", "qemu+tcp://h1/system"),
        ])
    func hostsInURIs(address: String, section: String, migrationURI: String) throws {
        let text = """
            node: n1
            cluster: test
            ring:
              nodes:
                - {id: n1, address: "\(address)"}
                - {id: n2, address: "127.0.0.1:7402"}
            hypervisor: {libvirt: \(section)}
            state_dir: /var/lib/{host}
            insecure: true
            """
        let settings = try SettingsFixture.read(text)
        guard case .libvirt(let libvirt) = settings.hypervisor else {
            Issue.record("libvirt is configured")
            return
        }
        #expect(libvirt.migrationURI == migrationURI)
        #expect(!settings.stateDirectory.contains("["))
    }
}
