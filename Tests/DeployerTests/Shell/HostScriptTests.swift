import Basis
import Deployer
import Foundation
import Testing

/// This machine, with a libvirt of files in front of its own.
private struct ScriptedLibvirt: HostShell {
    /// Its guests are files of `domains`, each with its definition, empty when that cannot be told; a file of `states`
    /// says how each is, `pools` has the names of storage pools. Nothing works while there is `down`; with `leaving` a
    /// guest leaves as soon as it is asked for, and with `stuck` none turns off.
    private static let virsh = #"""
        #!/bin/sh
        world=${0%/bin/*}
        [ ! -e "$world/down" ] || { echo "error: failed to connect to the hypervisor" >&2; exit 1; }
        case $2 in
            -c) [ -e "$world/listens" ] || { echo "error: Connection refused" >&2; exit 1; } ;;
            list) ls "$world/domains" ;;
            dumpxml)
                [ ! -e "$world/leaving" ] || rm "$world/domains/$3"
                [ -s "$world/domains/$3" ] && cat "$world/domains/$3"
                ;;
            domstate) cat "$world/states/$3" && echo ;;
            destroy)
                [ ! -e "$world/stuck" ] || exit 1
                echo "shut off" >"$world/states/$3"
                ;;
            undefine) rm "$world/domains/$3" ;;
            pool-list) cat "$world/pools" ;;
            pool-destroy) ;;
            pool-undefine) : >"$world/pools" ;;
            version) ;;
            capabilities) printf '<capabilities>\n  <host>\n    <uuid>%s</uuid>\n' "$(cat "$world/uuid")" ;;
            *) echo "error: unknown command $2" >&2; exit 2 ;;
        esac

        """#

    /// Started anew, libvirt has the last UUID of its settings; `restarts` counts. With `deaf` it does not look at them. It
    /// listens over TLS while the socket for that is enabled and its settings name certificates.
    private static let systemctl = #"""
        #!/bin/sh
        world=${0%/bin/*}
        case $1 in
            is-enabled) exit 1 ;;
            restart)
                echo "$2" >>"$world/restarts"
                [ -e "$world/deaf" ] || sed -n 's/^host_uuid = "\(.*\)"/\1/p' "$world/libvirt/libvirtd.conf" >"$world/uuid"
                ;;
            stop|daemon-reload) ;;
            enable) echo "ready h1" >"$world/hosts/t/agent/output" ;;
            -q) [ "$*" = "-q $2 --now libvirtd-tls.socket" ] && echo "$2" >"$world/socket" ;;
            start)
                echo "$2" >>"$world/restarts"
                rm -f "$world/listens"
                [ "$(cat "$world/socket")" = disable ] || cp "$(sed -n 's/^ca_file = "\(.*\)"/\1/p' \
                    "$world/libvirt/libvirtd.conf")" "$world/listens"
                ;;
            *) exit 2 ;;
        esac

        """#

    private let base = LocalShell(time: SystemTimeSource())
    let world: ScratchFolder

    var time: any TimeSource { self.base.time }

    init() throws {
        self.world = try ScratchFolder()
        for folder in ["bin", "domains", "states", "libvirt", "systemd", "hosts/t/disks", "hosts/t/locks"] {
            try FileManager.default.createDirectory(
                atPath: "\(self.world.path)/\(folder)", withIntermediateDirectories: true)
        }
        try self.install(Self.virsh, as: "virsh")
        try self.install(Self.systemctl, as: "systemctl")
        try self.write("dvms-t\n", to: "pools")
    }

    var host: ShellHost {
        ShellHost(
            id: "h1", shell: self, deployment: "t", machine: GuestMachine(), parentFolder: "\(self.world.path)/hosts")
    }

    /// Folders of the system are such of this world.
    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        let script = command.script.replacing("/etc/libvirt/", with: "\(self.world.path)/libvirt/")
            .replacing("/run/systemd/system", with: "\(self.world.path)/systemd")
            .replacing("/etc/systemd/system", with: "\(self.world.path)/systemd")
            .replacing("/var/log/libvirt", with: "\(self.world.path)/log")
        command.script = "PATH=\(ShellQuote.word("\(self.world.path)/bin")):$PATH\n" + script
        return try await self.base.run(command)
    }

    func write(_ text: String, to name: String) throws { _ = try self.world.write(Array(text.utf8), to: name) }

    /// A program in front of the machine's own.
    func install(_ script: String, as program: String) throws {
        try self.write(script, to: "bin/\(program)")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: "\(self.world.path)/bin/\(program)")
    }

    func lines(of name: String) throws -> [String] {
        let text = try String(contentsOfFile: "\(self.world.path)/\(name)", encoding: .utf8)
        return text.split(separator: "\n").map(String.init)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(self.world.path)/\(name)") }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(self.world.path)/\(name)") }

    /// A guest that runs, with its disk in the folder of the deployment `t`.
    func add(_ guest: String, of deployment: String) throws {
        let mark = "<mark:deployment xmlns:mark=\"urn:dvms:deployment\" name=\"\(deployment)\"/>"
        try self.write("<domain>\n  <name>\(guest)</name>\n  \(mark)\n</domain>\n", to: "domains/\(guest)")
        try self.write("running\n", to: "states/\(guest)")
        try self.write("disk", to: "hosts/t/disks/\(guest).qcow2")
    }
}

@Suite("Scripts for hosts, on a libvirt of files")
struct HostScriptTests {
    private let libvirt: ScriptedLibvirt
    private let limit = Duration.seconds(60)

    init() throws {
        self.libvirt = try ScriptedLibvirt()
        try self.libvirt.add("g1", of: "t")
    }

    @Test("take a libvirt that does not answer for no host without guests, and remove nothing")
    func down() async throws {
        try self.libvirt.write("", to: "down")
        let host = self.libvirt.host
        let state = await #expect(throws: HostFailure.self) {
            try await host.state(ofGuest: "g1", within: self.limit)
        }
        let guests = await #expect(throws: HostFailure.self) { try await host.guests(within: self.limit) }
        let removal = await #expect(throws: HostFailure.self) {
            try await host.removeGuest(named: "g1", within: self.limit)
        }
        let undoing = await #expect(throws: HostFailure.self) { try await host.undo(.storage, within: self.limit) }
        let times = await #expect(throws: HostFailure.self) { try await host.processorTimes(within: self.limit) }
        for failure in [state, guests, removal, undoing, times] {
            #expect(failure?.description.contains("libvirt does not say which") == true)
        }
        #expect(self.libvirt.has("hosts/t/disks/g1.qcow2") && self.libvirt.has("domains/g1"))

        try self.libvirt.remove("down")
        #expect(try await host.state(ofGuest: "g1", within: self.limit) == .running)
        #expect(try await host.guests(within: self.limit) == ["g1"])
    }

    @Test("remove a guest of the deployment's with its disk, then the storage, and no other guest")
    func removes() async throws {
        try self.libvirt.add("g2", of: "tt")
        let host = self.libvirt.host
        #expect(try await host.guests(within: self.limit) == ["g1"])
        #expect(try await host.state(ofGuest: "g2", within: self.limit) == .absent)
        for guest in ["g1", "g1", "g2"] { try await host.removeGuest(named: guest, within: self.limit) }
        #expect(!self.libvirt.has("domains/g1") && !self.libvirt.has("hosts/t/disks/g1.qcow2"))
        #expect(self.libvirt.has("domains/g2"))
        #expect(try self.libvirt.world.text("states/g2") == "running")
        for _ in 0..<2 { try await host.undo(.storage, within: self.limit) }
        #expect(!self.libvirt.has("hosts") && self.libvirt.has("domains/g2"))
        #expect(try self.libvirt.world.text("pools").isEmpty)
    }

    @Test("refuse to remove the disk of a guest that does not turn off")
    func stuck() async throws {
        try self.libvirt.write("", to: "stuck")
        let host = self.libvirt.host
        let refusal = HostFailure.refused(step: "removing the guest", words: "the guest g1 does not turn off")
        await #expect(throws: refusal) { try await host.removeGuest(named: "g1", within: self.limit) }
        #expect(self.libvirt.has("hosts/t/disks/g1.qcow2") && self.libvirt.has("domains/g1"))
        try self.libvirt.remove("stuck")
        try await host.removeGuest(named: "g1", within: self.limit)
        #expect(!self.libvirt.has("hosts/t/disks/g1.qcow2"))
    }

    @Test("tell a guest that leaves meanwhile from one of which libvirt says nothing")
    func leaving() async throws {
        let host = self.libvirt.host
        try self.libvirt.write("", to: "domains/g1")
        await #expect(throws: HostFailure.self) { try await host.state(ofGuest: "g1", within: self.limit) }
        try self.libvirt.write("", to: "leaving")
        #expect(try await host.state(ofGuest: "g1", within: self.limit) == .absent)
    }

    @Test(
        "start libvirt anew as long as it does not show the UUID of its settings, and not again",
        arguments: [
            "# host_uuid = \"00000000-0000-0000-0000-000000000000\"\n",
            // As a run leaves it that was stopped before the restart.
            "\nhost_uuid = \"a2c1a1de-5d0e-4f6b-9d2f-3f7b1c0e9d11\"\n",
        ])
    func hostUUID(settings: String) async throws {
        try self.libvirt.write(settings, to: "libvirt/libvirtd.conf")
        try self.libvirt.write("11111111-2222-3333-4444-555555555555\n", to: "uuid")
        for _ in 0..<2 { try await self.libvirt.host.perform(.hypervisor, within: self.limit) }
        let shown = try self.libvirt.world.text("uuid")
        let wanted = try self.libvirt.world.text("libvirt/libvirtd.conf")
        #expect(shown.count == 36 && wanted.hasSuffix("host_uuid = \"\(shown)\""), "\(shown)")
        #expect(try self.libvirt.world.text("restarts") == "libvirtd")
    }

    @Test("leave alone a libvirt that shows the UUID of its settings, whatever its letters and hyphens")
    func hostUUIDThere() async throws {
        try self.libvirt.write(
            "  host_uuid='A2C1A1DE5D0E4F6B9D2F3F7B1C0E9D11' # of this host\n", to: "libvirt/libvirtd.conf")
        try self.libvirt.write("a2c1a1de-5d0e-4f6b-9d2f-3f7b1c0e9d11\n", to: "uuid")
        try await self.libvirt.host.perform(.hypervisor, within: self.limit)
        #expect(!self.libvirt.has("restarts"))
    }

    @Test("refuse a libvirt that keeps another UUID than that of its settings, or that nobody can start anew")
    func hostUUIDKept() async throws {
        try self.libvirt.write(
            "host_uuid = \"a2c1a1de-5d0e-4f6b-9d2f-3f7b1c0e9d11\"\n", to: "libvirt/libvirtd.conf")
        try self.libvirt.write("11111111-2222-3333-4444-555555555555\n", to: "uuid")
        try self.libvirt.write("", to: "deaf")
        let kept = await #expect(throws: HostFailure.self) {
            try await self.libvirt.host.perform(.hypervisor, within: self.limit)
        }
        #expect(kept?.description.contains("not that of its settings") == true)
        try self.libvirt.remove("systemd")
        let alone = await #expect(throws: HostFailure.self) {
            try await self.libvirt.host.perform(.hypervisor, within: self.limit)
        }
        #expect(alone?.description.contains("there is no systemd to do it") == true)
    }

    @Test("start libvirt without systemd, for a user that is made where there is none, and not again")
    func startsWithoutSystemd() async throws {
        let note = "#!/bin/sh\nworld=${0%/bin/*}\necho \"${0##*/} $*\" >>\"$world/calls\"\n"
        for program in ["getent", "pgrep"] { try self.libvirt.install("#!/bin/sh\nexit 1\n", as: program) }
        for program in ["groupadd", "useradd", "virtlogd"] { try self.libvirt.install(note, as: program) }
        let answers = #"""
            sed -n 's/^host_uuid = "\(.*\)"/\1/p' "$world/libvirt/libvirtd.conf" >"$world/uuid"
            rm "$world/down"

            """#
        try self.libvirt.install(note + answers, as: "libvirtd")
        try self.libvirt.write("", to: "down")
        try self.libvirt.remove("systemd")
        for _ in 0..<2 { try await self.libvirt.host.perform(.hypervisor, within: self.limit) }
        let calls = try self.libvirt.lines(of: "calls").map { $0.split(separator: " ")[0] }
        #expect(calls == ["groupadd", "groupadd", "useradd", "virtlogd", "libvirtd"])
    }

    /// Where dvmsd is there already, one that says nothing.
    private func ensureAgent(certificate: String, libvirtAddress: String?) async throws {
        try FileManager.default.createDirectory(
            atPath: "\(self.libvirt.world.path)/hosts/t/agent/tls", withIntermediateDirectories: true)
        try self.libvirt.install("#!/bin/sh\n", as: "../hosts/t/agent/dvmsd")
        let agent = AgentInstallation(
            node: "h1", program: AgentProgram(file: "dvmsd", sha256: "00"), config: "ring",
            credentials: AgentCredentials(authority: "authority", certificate: certificate, key: "key"),
            libvirtAddress: libvirtAddress)
        try await self.libvirt.host.ensure(agent, within: self.limit)
    }

    @Test("have libvirt listen with the agent's certificate, start it anew for another one, and take all of it back")
    func listens() async throws {
        let settings = ["tcp_port = \"1\"", "# ca_file = \"x\""]
        try self.libvirt.write(settings.joined(separator: "\n"), to: "libvirt/libvirtd.conf")
        for certificate in ["one", "one", "another", "another"] {
            try await self.ensureAgent(certificate: certificate, libvirtAddress: "fe80::1")
        }
        #expect(try self.libvirt.world.text("listens") == "authority")
        #expect(try self.libvirt.world.text("hosts/t/pki/servercert.pem") == "another")
        #expect(try self.libvirt.lines(of: "libvirt/qemu.conf").contains("migration_host = \"fe80::1\""))
        #expect(try self.libvirt.lines(of: "restarts") == ["libvirtd.service", "libvirtd.service"])

        for _ in 0..<2 { try await self.ensureAgent(certificate: "another", libvirtAddress: nil) }
        #expect(!self.libvirt.has("listens") && !self.libvirt.has("hosts/t/pki"))
        #expect(try self.libvirt.lines(of: "libvirt/libvirtd.conf") == settings)
        #expect(!self.libvirt.has("libvirt/qemu.conf"))
    }

    @Test("leave alone a libvirt that has certificates of others, and say what to do")
    func listensAlready() async throws {
        let settings = "ca_file = \"/etc/pki/CA/cacert.pem\""
        try self.libvirt.write(settings, to: "libvirt/libvirtd.conf")
        try self.libvirt.write("user = \"root\"\n", to: "libvirt/qemu.conf")
        let refusal = await #expect(throws: HostFailure.self) {
            try await self.ensureAgent(certificate: "one", libvirtAddress: "10.0.0.1")
        }
        #expect(refusal?.description.contains("name its address as migration_uri") == true)
        #expect(try self.libvirt.world.text("libvirt/libvirtd.conf") == settings && !self.libvirt.has("restarts"))
        #expect(try self.libvirt.world.text("libvirt/qemu.conf") == "user = \"root\"")
    }

    @Test("ask for no guests where the deployment never had a folder for disks")
    func neverPrepared() async throws {
        try self.libvirt.remove("hosts")
        try self.libvirt.write("", to: "down")
        let host = self.libvirt.host
        #expect(try await host.guests(within: self.limit).isEmpty)
        try await host.undo(.storage, within: self.limit)
    }

    @Test("ask the deployment's own dvmsd, with its config and as its node; without one that answers nothing is known")
    func asksAgent() async throws {
        let host = self.libvirt.host
        #expect(await host.believedDemands(within: self.limit).isEmpty)
        let agent = "\(self.libvirt.world.path)/hosts/t/agent"
        try FileManager.default.createDirectory(atPath: agent, withIntermediateDirectories: true)
        func install(_ script: String) throws {
            try self.libvirt.write("#!/bin/sh\n\(script)\n", to: "hosts/t/agent/dvmsd")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(agent)/dvmsd")
        }
        let demand = #"{"cpu_millicores":250,"memory_mib":128,"disk_kib_s":0,"net_kib_s":0}"#
        let guest = #"{"vm":"g1","presence":"running","dirty_mib_s":0,"migratable":true,"demand":\#(demand)}"#
        let answer = #"{"vms":[\#(guest)]}"#
        try install(
            """
            [ "$*" = "--config \(agent)/dvmsd.yaml --node h1 --ask vms" ] || exit 64
            echo '\(answer)'
            """)
        #expect(await host.believedDemands(within: self.limit) == ["g1": 250])
        try install("echo '\(answer)'; echo 'dvmsd: no such socket' >&2; exit 1")
        #expect(await host.believedDemands(within: self.limit).isEmpty)
    }

    @Test("remove a guest only after another script for it has ended")
    func waits() async throws {
        let host = self.libvirt.host
        // Who is left behind has the lock from the shell that started it.
        let other = try await self.libvirt.run(
            HostCommand(
                script: #"exec 9>"$1"; flock 9; sleep 600 & echo $!"#,
                arguments: ["\(self.libvirt.world.path)/hosts/t/locks/g1"], limit: self.limit))
        await #expect(throws: HostFailure.timedOut(step: "removing the guest", limit: .seconds(1))) {
            try await host.removeGuest(named: "g1", within: .seconds(1))
        }
        #expect(self.libvirt.has("hosts/t/disks/g1.qcow2") && self.libvirt.has("domains/g1"))
        _ = try await self.libvirt.run(
            HostCommand(
                script: #"kill "$1""#, arguments: [other.outputText.filter(\.isNumber)], limit: self.limit))
        try await host.removeGuest(named: "g1", within: self.limit)
        #expect(!self.libvirt.has("domains/g1") && self.libvirt.has("hosts/t/locks/g1"))
    }
}
