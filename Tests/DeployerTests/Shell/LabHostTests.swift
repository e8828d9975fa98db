import Basis
import Deployer
import Foundation
import Settings
import Testing

/// Where the lab is: `lab/host-test` sets these.
private enum LabPlace {
    static let environment = ProcessInfo.processInfo.environment
    /// The lab's folder with `user_key` and `known_hosts`.
    static let keys = environment["DVMS_LAB_SSH"]
    /// A disk image as `lab/disk/make` makes it.
    static let image = environment["DVMS_LAB_IMAGE"]
    /// Addresses of two hosts.
    static let hosts = (environment["DVMS_LAB_HOSTS"] ?? "").split(separator: " ").map(String.init)

    static var isThere: Bool { keys != nil && image != nil && hosts.count == 2 }
}

@Suite("Real hosts over ssh", .enabled(if: LabPlace.isThere, "lab/host-test runs these"), .serialized)
final class LabHostTests {
    private let folder: ControlFolder
    private let shells: [OpenSSHShell]
    private let hosts: [ShellHost]
    private let limit = Duration.seconds(120)

    init() throws {
        let keys = try #require(LabPlace.keys)
        let options = try OpenSSHOptions(identityFile: "\(keys)/user_key", knownHostsFile: "\(keys)/known_hosts")
        let folder = try ControlFolder()
        self.folder = folder
        self.shells = try LabPlace.hosts.map { address in
            OpenSSHShell(
                to: try SSHTarget(host: address, user: "root"), options: options, sharing: .master(folder),
                time: SystemTimeSource())
        }
        self.hosts = self.shells.enumerated().map { Self.host($0.offset, $0.element, deployment: "t") }
    }

    deinit {
        self.folder.remove()
    }

    private static func host(_ index: Int, _ shell: OpenSSHShell, deployment: String) -> ShellHost {
        ShellHost(
            id: NodeID("h\(index + 1)")!,  // Safe because a letter and a digit are a node's name.
            shell: shell, deployment: deployment, machine: GuestMachine(virtualization: .emulation))
    }

    private func guest(_ index: Int) throws -> GuestDefinition {
        var guest = try GuestXMLTests.guest(address: "10.9.0.\(10 + index)")
        guest.name = "g\(index)"
        guest.mac = MACAddress(bits: 0x02_00_00_00_09_00 + UInt64(index))
        guest.network.isolation = .vxlan(identifier: 4_711, peers: LabPlace.hosts)
        guest.image.file = try #require(LabPlace.image)
        return guest
    }

    /// Asks until the guest answers; each question waits a second for its answer.
    private func isUp(_ guest: GuestDefinition, from host: ShellHost) async throws -> Bool {
        for _ in 0..<90 where try await host.isReachable(guest, within: self.limit) { return true }
        return false
    }

    /// What a host has of deployments, as text that is equal before and after.
    private func traces(of shell: OpenSSHShell) async throws -> String {
        let script = #"""
            virsh -q list --all --name; virsh -q pool-list --all --name; ip -o link | sed 's/^[0-9]*: //' | sort
            find /var/lib/libvirt/dvms 2>/dev/null | sort
            """#
        return try await shell.run(HostCommand(script: script, limit: self.limit)).outputText
    }

    private func prepare() async throws {
        let network = try self.guest(0).network
        let image = try self.guest(0).image
        // Twice, as after a deployment that was stopped.
        for host in self.hosts + self.hosts {
            for step in PreparationStep.allCases { try await host.perform(step, within: self.limit) }
            try await host.ensure(network, within: self.limit)
            _ = try await host.ensure(.image(image), from: self.hosts.filter { $0.id != host.id }, within: self.limit)
        }
        for host in self.hosts { try await host.endSpread(of: .image, within: self.limit) }
    }

    private func takeAway() async throws {
        let network = try self.guest(0).network
        let image = try self.guest(0).image
        for (index, host) in (self.hosts + self.hosts).enumerated() {
            try await host.removeGuest(named: "g\(index % 2)", within: self.limit)
            try await host.remove(image, within: self.limit)
            try await host.remove(network, within: self.limit)
            for step in PreparationStep.allCases.reversed() { try await host.undo(step, within: self.limit) }
        }
    }

    @Test("tell what they are and have")
    func probe() async throws {
        for host in self.hosts {
            let facts = try await host.probe(within: self.limit)
            #expect(
                facts.cpus >= 1 && facts.memoryMiB > 100 && facts.freeDiskMiB > 0 && facts.cpuFlags.contains("sse2"))
            #expect(facts.installed.contains("qemu-utils") && !facts.kernel.isEmpty)
            // The lab's hosts have the clock of the machine.
            #expect(abs(facts.clockAheadMilliseconds) < 500, "\(facts.clockAheadMilliseconds) ms")
        }
    }

    @Test("run guests that reach each other over the overlay, one of each, and are as before when all is taken away")
    func guests() async throws {
        var before: [String] = []
        for shell in self.shells { before.append(try await self.traces(of: shell)) }
        try await self.prepare()
        let guests = [try self.guest(0), try self.guest(1)]
        for (host, guest) in zip(self.hosts + self.hosts, guests + guests) {
            try await host.ensure(guest, within: self.limit)
            #expect(try await host.state(ofGuest: guest.name, within: self.limit) == .running)
        }
        for (host, guest) in zip(self.hosts, guests) { #expect(try await self.isUp(guest, from: host)) }
        try await self.expectOverlayLeads(from: self.shells[0], to: guests[1])
        let names = try await self.shells[0].run(HostCommand(script: "virsh -q list --all --name", limit: self.limit))
        #expect(names.outputText.split(whereSeparator: \.isWhitespace) == ["g0"])

        try await self.hosts[0].restart(guests[0], within: self.limit)
        #expect(try await self.isUp(guests[0], from: self.hosts[0]))
        try await self.expectStrangersAreLeftAlone(guests[0])

        _ = try await self.shells[0].run(HostCommand(script: "virsh destroy g0", limit: self.limit))
        #expect(try await self.hosts[0].state(ofGuest: "g0", within: self.limit) == .stopped)
        try await self.hosts[0].ensure(guests[0], within: self.limit)
        #expect(try await self.hosts[0].state(ofGuest: "g0", within: self.limit) == .running)

        try await self.takeAway()
        #expect(try await self.hosts[0].state(ofGuest: "g0", within: self.limit) == .absent)
        for (shell, trace) in zip(self.shells, before) {
            let after = try await self.traces(of: shell); #expect(after == trace)
        }
    }

    /// What is plugged into the bridge of one host reaches a guest of the other: here a network namespace.
    private func expectOverlayLeads(from shell: OpenSSHShell, to guest: GuestDefinition) async throws {
        let script = #"""
            trap 'ip netns delete probe' EXIT
            ip netns add probe && ip link add probe0 type veth peer name probe1 netns probe || exit 9
            ip link set probe0 mtu "$(cat "/sys/class/net/$1/mtu")" master "$1" up
            ip -n probe address add 10.9.0.200/24 dev probe1 && ip -n probe link set probe1 up
            for try in 1 2 3 4 5; do ip netns exec probe ping -q -c 1 -W 2 "$2" && exit 0; done
            exit 1
            """#
        let result = try await shell.run(
            HostCommand(script: script, arguments: [guest.network.name, "\(guest.address)"], limit: self.limit))
        #expect(result.isSuccess, "\(result.outputText)\(result.errorText)")
    }

    /// Another deployment neither sees, nor takes, nor removes this one's guest and network.
    private func expectStrangersAreLeftAlone(_ guest: GuestDefinition) async throws {
        let stranger = Self.host(0, self.shells[0], deployment: "u")
        try await stranger.perform(.storage, within: self.limit)
        _ = try await stranger.ensure(.image(guest.image), from: [], within: self.limit)
        #expect(try await stranger.state(ofGuest: guest.name, within: self.limit) == .absent)
        let refusal = HostFailure.refused(
            step: "defining the guest", words: "there is a guest g0 that is not the deployment's")
        await #expect(throws: refusal) { try await stranger.ensure(guest, within: self.limit) }
        await #expect(throws: HostFailure.self) { try await stranger.ensure(guest.network, within: self.limit) }
        try await stranger.removeGuest(named: guest.name, within: self.limit)
        try await stranger.remove(guest.network, within: self.limit)
        try await stranger.undo(.storage, within: self.limit)
        #expect(try await self.hosts[0].state(ofGuest: guest.name, within: self.limit) == .running)
        #expect(try await self.isUp(guest, from: self.hosts[0]))
    }

    @Test("let guests onto their own bridge, and say when they have none")
    func withoutIsolation() async throws {
        var network = try self.guest(0).network
        network.isolation = .none
        let show = HostCommand(script: #"ip -o link show "$1""#, arguments: [network.name], limit: self.limit)
        for _ in 0..<2 { try await self.hosts[0].ensure(network, within: self.limit) }
        #expect(try await self.shells[0].run(show).outputText.contains("br0"))
        for _ in 0..<2 { try await self.hosts[0].remove(network, within: self.limit) }
        #expect(try await self.shells[0].run(show).isSuccess == false)
        let local = ShellHost(
            id: self.hosts[0].id, shell: LoopbackRoute(base: LocalShell(time: SystemTimeSource())), deployment: "t",
            machine: GuestMachine())
        await #expect(throws: HostFailure.lacks(what: "a bridge over its uplink lo for a network without isolation")) {
            try await local.ensure(network, within: self.limit)
        }
    }

    @Test("refuse an image that is not what the fleet names, and keep no part of it")
    func wrongImage() async throws {
        let host = self.hosts[0]
        try await host.perform(.storage, within: self.limit)
        var image = try self.guest(0).image
        image.sha256 = String(repeating: "0", count: 64)
        await #expect(throws: HostFailure.self) {
            _ = try await host.ensure(.image(image), from: [], within: self.limit)
        }
        let list = HostCommand(script: "ls /var/lib/libvirt/dvms/t/images", limit: self.limit)
        #expect(try await self.shells[0].run(list).outputText.isEmpty)
        try await host.undo(.storage, within: self.limit)
    }
}

/// A machine whose traffic goes through `lo`, which is no bridge.
private struct LoopbackRoute: HostShell {
    let base: LocalShell
    var time: any TimeSource { self.base.time }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        var command = command
        command.script = "SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22'\n" + command.script
        return try await self.base.run(command)
    }
}
