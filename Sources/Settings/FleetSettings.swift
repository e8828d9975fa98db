package import Basis

/// A fleet of virtual machines as its file describes it: which hosts it may have, and what is to run on them.
///
/// `configs/fleet.yaml` shows each key with its unit. docs/deployment.md tells what a deployment does with it.
package struct FleetSettings: Hashable, Sendable {
    /// Names the deployment on the deployer's machine and on hosts: 1 to ``nameBytesMax`` out of `a-z 0-9 -`.
    package var name: String
    /// Of everything that is drawn: the random distribution, and how long is waited before a repetition.
    package var seed: UInt64
    /// Ids and addresses unique; in the file's order, which is also the order of preference.
    package var inventory: [FleetHost]
    package var booking: BookingSettings
    /// What gives hosts their operating system; nil: they have it.
    package var kadeploy: KadeploySettings?
    package var network: FleetNetwork
    package var image: FleetImage
    /// nil: the fleet has none of its own making.
    package var agents: FleetAgents?
    /// Names unique.
    package var templates: [GuestTemplate]
    /// Their names are unique over all groups.
    package var groups: [GuestGroup]
    package var distribution: DistributionStrategy
    package var limits: DeploymentLimits
    package var retries: RetrySettings
    package var timeouts: StageTimeouts
    /// How many virtual CPUs may share the hosts' real ones, in percent of these; 100 and more.
    package var cpuOvercommitPercent: Int
    /// Memory of each host that guests do not get.
    package var reservedMemoryMiB: Int

    /// Bridges are named after the deployment, and the kernel allows them 15 bytes.
    package static let nameBytesMax = 12
    /// The most guests of one fleet.
    package static let guestsMax = 65_536

    /// How many guests there are in all.
    package var guestCount: Int { self.groups.reduce(0) { $0 + $1.count } }

    /// Reads a fleet's file.
    ///
    /// - Parameters:
    ///   - file: its path; the image is found from its folder.
    ///   - readFile: gives the text of a file; what it throws is shown to the operator.
    /// - Throws: ``InvalidSettings`` with every problem of the file.
    package static func read(
        file: String, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> FleetSettings {
        try SettingsReading.whole(file, readFile) { root in FleetReader.read(&root) }
    }
}

/// A machine that a fleet may have.
package struct FleetHost: Hashable, Sendable {
    package var id: NodeID
    /// A name or an address, without a port.
    package var address: String
    package var sshUser: String
    package var sshPort: Int
    package var site: String
    package var cluster: String
    /// What guests may use in place of what the host says; nil: what it says.
    package var memoryMiB: Int?
    package var cpus: Int?

    package init(
        id: NodeID, address: String, sshUser: String = "root", sshPort: Int = 22, site: String = "",
        cluster: String = "", memoryMiB: Int? = nil, cpus: Int? = nil
    ) {
        self.id = id
        self.address = address
        self.sshUser = sshUser
        self.sshPort = sshPort
        self.site = site
        self.cluster = cluster
        self.memoryMiB = memoryMiB
        self.cpus = cpus
    }
}

/// Which hosts are booked, and for how long.
package struct BookingSettings: Hashable, Sendable {
    package var provider: BookingProvider
    /// How many run guests; at least 1.
    package var hosts: Int
    /// How many more are booked, to take the place of those that fail.
    package var spares: Int
    package var walltime: Duration
    package var required: HostRequirements
}

/// What a host must have, checked on the host itself.
package struct HostRequirements: Hashable, Sendable {
    package var kvm = true
    /// As /proc/cpuinfo names them.
    package var cpuFlags: [String] = []
    package var cpusMin = 1
    package var memoryMinMiB = 0
    package var freeDiskMinMiB = 0
    /// How far the host's clock may be off.
    package var clockOffsetMax = Duration.seconds(5)

    package init() {}
}

package struct FleetNetwork: Hashable, Sendable {
    package var subnet: IPv4Subnet
    package var isolation: Isolation
    /// The DNS domain of the guests.
    package var domain: String

    package init(subnet: IPv4Subnet, isolation: Isolation, domain: String) {
        self.subnet = subnet
        self.isolation = isolation
        self.domain = domain
    }

    package enum Isolation: String, Hashable, Sendable, CaseIterable {
        case none, vxlan
    }
}

package struct FleetImage: Hashable, Sendable {
    package var file: String
    /// 64 hexadecimal digits in lower case; nil: whatever is in the file.
    package var sha256: String?
    package var spread: Spread
    /// Of a tree: how many hosts each one sends it to.
    package var treeArity: Int

    /// How the image comes to the hosts.
    package enum Spread: String, Hashable, Sendable, CaseIterable {
        /// Each host has it from the one before it, while that gets it.
        case chain
        /// Each host sends it to some others.
        case tree
        /// Each host has it from the deployer.
        case copies
    }

    package static let treeArityByDefault = 2
    package static let treeArityMax = 64

    package init(
        file: String, sha256: String?, spread: Spread = .chain, treeArity: Int = Self.treeArityByDefault
    ) {
        self.file = file
        self.sha256 = sha256
        self.spread = spread
        self.treeArity = treeArity
    }
}

/// The dvmsd that looks after the fleet on each host.
package struct FleetAgents: Hashable, Sendable {
    /// The file on this machine that hosts get.
    package var program: String
    /// TCP, on every host.
    package var port: Int
    package var mode: OperatingMode
    /// Where other hosts reach a host's libvirt, with dvmsd's placeholders; nil: what dvmsd has without it.
    package var migrationURI: String?
    /// A file with more of dvmsd's config, alike on all hosts; nil: none.
    package var settings: String?

    package init(
        program: String, port: Int, mode: OperatingMode = .auto, migrationURI: String? = nil, settings: String? = nil
    ) {
        self.program = program
        self.port = port
        self.mode = mode
        self.migrationURI = migrationURI
        self.settings = settings
    }
}

package struct GuestTemplate: Hashable, Sendable {
    package var name: String
    package var vcpus: Int
    package var memoryMiB: Int
    package var diskGiB: Int

    package init(name: String, vcpus: Int, memoryMiB: Int, diskGiB: Int) {
        self.name = name
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
    }
}

/// Guests that are alike.
package struct GuestGroup: Hashable, Sendable {
    package var template: GuestTemplate
    package var count: Int
    /// Has ``placeholder`` once, which stands for 1 to ``count``.
    package var pattern: String

    package static let placeholder = "{n}"
    /// The longest DNS label (RFC 1035 §2.3.4).
    package static let nameBytesMax = 63

    package func name(_ number: Int) -> String {
        self.pattern.replacing(Self.placeholder, with: "\(number)")
    }
}

/// How guests are spread over hosts.
package enum DistributionStrategy: String, Hashable, Sendable, CaseIterable {
    /// One to each host in turn.
    case roundRobin = "round_robin"
    /// A host is filled before the next one is used.
    case concentrated
    /// The same number on each host; what does not divide goes to the first ones.
    case byHosts = "by_hosts"
    /// Each on a host that is drawn among those with room.
    case random
}

/// How much is done at a time.
package struct DeploymentLimits: Hashable, Sendable {
    package var hostsAtOnce = 64
    package var bootsAtOnce = 256
    package var bootsPerHost = 4

    package init() {}
}

/// How often a step is tried, and how long is waited in between.
package struct RetrySettings: Hashable, Sendable {
    /// How often in all; 1: never again.
    package var attempts = 4
    /// Before the second attempt; doubles from there. A random part of up to half of it is taken off.
    package var delay = Duration.seconds(2)
    package var delayMax = Duration.seconds(60)

    package init() {}
}

/// The longest that one attempt may take.
package struct StageTimeouts: Hashable, Sendable {
    package var probe = Duration.seconds(30)
    package var prepare = Duration.seconds(600)
    package var network = Duration.seconds(60)
    package var image = Duration.seconds(900)
    /// Install dvmsd, and start it.
    package var agent = Duration.seconds(180)
    /// Define and start a guest.
    package var boot = Duration.seconds(120)
    /// From its start until a guest answers.
    package var check = Duration.seconds(180)
    package var removal = Duration.seconds(120)

    package init() {}
}
