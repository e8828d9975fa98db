package import Basis
import Settings

/// A real host, driven through its shell: Debian or its kin, with root, libvirt and QEMU.
///
/// What it makes lies in one folder and bears the deployment's name: the storage pool, the aliases of network links, and
/// an element in the definition of each guest. Packages and libvirt's host UUID stay when a deployment goes: others may
/// rely on them by then.
package struct ShellHost: DeployableHost {
    /// Where folders of deployments lie on hosts.
    package static let parentFolder = "/var/lib/libvirt/dvms"

    package let id: NodeID
    let shell: any HostShell
    let deployment: String
    let access: SpreadAccess
    private let parentFolder: String
    private let machine: GuestMachine
    private let authorizedKeys: [String]

    /// - Parameters:
    ///   - deployment: letters, digits, `.`, `_` and `-`, a letter or digit at the front, at most 63.
    ///   - authorizedKeys: lines of an `authorized_keys` file for the guests.
    ///   - parentFolder: where folders of deployments lie on this host.
    package init(
        id: NodeID, shell: any HostShell, deployment: String, machine: GuestMachine, authorizedKeys: [String] = [],
        access: SpreadAccess = SpreadAccess(), parentFolder: String = Self.parentFolder
    ) {
        precondition(HostNames.isSafe(deployment), "a deployment's name is fit for a file")
        self.id = id
        self.shell = shell
        self.deployment = deployment
        self.machine = machine
        self.authorizedKeys = authorizedKeys
        self.access = access
        self.parentFolder = parentFolder
    }

    /// Where everything of a deployment lies on a host.
    package static func folder(of deployment: String) -> String { "\(Self.parentFolder)/\(deployment)" }

    var folder: String { "\(self.parentFolder)/\(self.deployment)" }
    private var pool: String { "dvms-\(self.deployment)" }
    private var mark: String { "dvms:\(self.deployment)" }
    func path(of image: ImageReference) -> String { "\(self.folder)/images/\(image.name)" }

    // MARK: - The host

    /// In milliseconds since 1970: wide enough for any clock, and so narrow that two can be subtracted.
    private static let clockRange = 0...(1 << 53)

    package func probe(within limit: Duration) async throws(HostFailure) -> HostFacts {
        let found = try await self.run(
            "the probe", ProbeReading.script, [self.folder] + HostScripts.packages, within: limit)
        // Apart, and last: connecting and looking take time, of which half would be taken for a wrong clock.
        let asked = self.shell.time.wallClockMilliseconds
        let clock = try await self.run("the probe", "date +%s%3N", [], within: limit)
        let answered = self.shell.time.wallClockMilliseconds
        guard let there = Int(clock.split(separator: "\n").first ?? ""), Self.clockRange.contains(there) else {
            throw .refused(step: "the probe", words: "'\(ShellQuote.shown(clock))' is no time")
        }
        return try ProbeReading.facts(
            in: found, clockAheadMilliseconds: there - Int((asked + answered) / 2))
    }

    package func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        switch step {
        case .packages:
            try await self.run("installing packages", HostScripts.installPackages, HostScripts.packages, within: limit)
        case .hypervisor:
            try await self.run("starting libvirt", HostScripts.startHypervisor, [], within: limit)
        case .storage:
            try await self.run("making storage", HostScripts.makeStorage, [self.folder, self.pool], within: limit)
        }
    }

    package func undo(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        switch step {
        case .packages, .hypervisor: break
        case .storage:
            try await self.run("removing storage", HostScripts.removeStorage, [self.folder, self.pool], within: limit)
        }
    }

    // MARK: - Network

    package func ensure(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try self.check([network.name], step: "making the network")
        switch network.isolation {
        case .none:
            try await self.run("joining the network", HostScripts.joinBridge, [network.name], within: limit)
        case .vxlan(let identifier, let peers):
            let octets = MACAddress(bits: 0x0264_0000_0000 | UInt64(network.gateway.bits))
            try await self.run(
                "making the network", HostScripts.makeOverlay,
                [
                    network.name, self.mark, "\(network.gateway)/\(network.subnet.prefixLength)", "\(octets)",
                    "\(identifier)",
                ] + peers,
                within: limit)
        }
    }

    package func serve(
        _ names: [GuestName], in network: HostNetwork, within limit: Duration
    ) async throws(HostFailure) {
        switch network.isolation {
        case .none: break
        case .vxlan:
            let lines = names.map { "\($0.address) \($0.name)\n" }.joined()
            try await self.run(
                "answering for names", HostScripts.serveNames,
                [self.namesFolder, network.name, "\(network.gateway)", network.domain],
                input: .bytes(Array(lines.utf8)), within: limit)
        }
    }

    private var namesFolder: String { "\(self.folder)/names" }

    package func remove(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try self.check([network.name], step: "removing the network")
        switch network.isolation {
        case .none:
            try await self.run("leaving the network", HostScripts.leaveBridge, [network.name], within: limit)
        case .vxlan(let identifier, _):
            try await self.run("ending the answers for names", HostScripts.stopNames, [self.namesFolder], within: limit)
            try await self.run(
                "removing the network", HostScripts.removeOverlay, [network.name, self.mark, "\(identifier)"],
                within: limit)
        }
    }

    // MARK: - Guests

    package func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        let step = "defining the guest"
        try self.check([guest.name, guest.network.name, guest.image.name], step: step)
        let shown = try await self.run(step, HostScripts.showBridge, [guest.network.name], within: limit)
        let words = shown.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 2, let mtu = Int(words[1]) else {
            throw .refused(step: step, words: "'\(ShellQuote.shown(shown))' is no bridge with its MTU")
        }
        let xml = GuestXML(
            guest: guest, deployment: self.deployment, machine: self.machine,
            disk: "\(self.folder)/disks/\(guest.name).qcow2", seed: "\(self.folder)/disks/\(guest.name).iso",
            bridge: HostBridge(name: words[0], mtu: mtu))
        let seed = GuestSeed(guest: guest, authorizedKeys: self.authorizedKeys)
        try await self.run(
            step, GuestScripts.ensure,
            [
                guest.name, self.deployment, self.folder, self.path(of: guest.image), "\(guest.diskGiB)", seed.metaData,
                seed.userData, seed.networkConfig,
            ],
            input: .bytes(Array(xml.text.utf8)), within: limit)
    }

    package func state(ofGuest name: String, within limit: Duration) async throws(HostFailure) -> GuestState {
        let step = "asking for the guest"
        try self.check([name], step: step)
        let told = try await self.run(step, GuestScripts.tellState, [name, self.deployment], within: limit)
        switch told {
        case "absent\n": return .absent
        case "running\n": return .running
        case "stopped\n": return .stopped
        default: throw .refused(step: step, words: "'\(ShellQuote.shown(told))' is no state")
        }
    }

    package func isReachable(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) -> Bool {
        let told = try await self.run("reaching the guest", GuestScripts.reach, ["\(guest.address)"], within: limit)
        return told == "yes\n"
    }

    package func restart(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        try self.check([guest.name], step: "restarting the guest")
        try await self.run(
            "restarting the guest", GuestScripts.restart, [guest.name, self.deployment], within: limit)
    }

    package func removeGuest(named name: String, within limit: Duration) async throws(HostFailure) {
        try self.check([name], step: "removing the guest")
        try await self.run(
            "removing the guest", GuestScripts.remove, [name, self.deployment, self.folder], within: limit)
    }

    package func guests(within limit: Duration) async throws(HostFailure) -> [String] {
        let told = try await self.run(
            "listing guests", GuestScripts.list, ["", self.deployment, self.folder], within: limit)
        return told.split(separator: "\n").map(String.init).sorted()
    }

    // MARK: - Inside

    /// Names become parts of paths on the host.
    func check(_ names: [String], step: String) throws(HostFailure) {
        for name in names where !HostNames.isSafe(name) {
            throw .refused(step: step, words: "'\(ShellQuote.shown(name))' is no name for a file")
        }
    }

    /// - Returns: what the script printed.
    @discardableResult
    func run(
        _ step: String, _ script: String, _ arguments: [String], input: HostCommand.Input = .none,
        within limit: Duration
    ) async throws(HostFailure) -> String {
        let result: CommandResult
        do throws(HostShellFailure) {
            result = try await self.shell.run(
                HostCommand(script: script, arguments: arguments, input: input, limit: limit))
        } catch {
            throw HostFailure(error, step: step)
        }
        switch result.ending {
        case .exited(0): return result.outputText
        case .exited(HostScripts.lacksStatus): throw .lacks(what: ShellQuote.shown(result.errorText))
        case .exited, .signalled:
            let words = result.errors.isEmpty ? result.ending.description : ShellQuote.shown(result.errorText)
            throw .refused(step: step, words: words)
        }
    }
}

/// Names that become parts of paths, of network links and of libvirt's objects.
package enum HostNames {
    /// Of a name.
    package static let bytesMax = 63

    /// 1 to ``bytesMax`` ASCII letters, digits, `.`, `_` and `-`, with a letter or digit at the front.
    package static func isSafe(_ name: String) -> Bool {
        guard let first = name.utf8.first, first.isLetterOrDigit, name.utf8.count <= Self.bytesMax else {
            return false
        }
        return name.utf8.allSatisfy(\.isOfName)
    }
}

extension HostFailure {
    /// What a shell's failure is to a deployment.
    init(_ failure: HostShellFailure, step: String) {
        switch failure {
        case .unreachable(_, let words), .connectionLost(_, let words): self = .unreachable(detail: words)
        case .hostKeyUnknown, .hostKeyChanged, .authenticationRefused, .couldNotStart:
            self = .lacks(what: "a way in: \(failure.description)")
        case .scriptTooLong, .transferRefused: self = .refused(step: step, words: failure.description)
        case .transferDamaged(_, let expected, let found): self = .fileCorrupt(expected: expected, found: found)
        case .timedOut(let limit, _): self = .timedOut(step: step, limit: limit)
        case .cancelled: self = .cancelled
        }
    }
}
