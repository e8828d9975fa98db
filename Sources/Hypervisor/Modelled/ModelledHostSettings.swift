package import Basis
package import Placement

/// What a modelled host is made of.
package struct ModelledHostSettings: Hashable, Sendable {
    package var node: NodeID
    package var capacity: Resources
    /// Speed of the migration link in each direction, in Mbit/s, 1 to ``linkMbpsMax``. Full duplex: guests that leave
    /// share one direction equally, guests that arrive the other.
    package var linkMbps: Int
    /// Where other hosts reach this one.
    package var endpoint: MigrationEndpoint
    /// A guest is suspended for the last part of its migration once that part takes no longer than this. QEMU's
    /// `downtime-limit` is 300 ms by default, SimGrid's is 30 ms.
    package var downtimeMax: Duration
    /// A guest whose `cpuRequirement` is neither empty nor this is refused.
    package var cpuModel: String

    package init(
        node: NodeID, capacity: Resources, linkMbps: Int = 1_000, endpoint: MigrationEndpoint? = nil,
        downtimeMax: Duration = .milliseconds(300), cpuModel: String = "modelled"
    ) {
        precondition((1...Self.linkMbpsMax).contains(linkMbps), "a host has a migration link")
        self.node = node
        self.capacity = capacity
        self.linkMbps = linkMbps
        self.endpoint = endpoint ?? Self.fleetEndpoint(of: node)
        self.downtimeMax = downtimeMax
        self.cpuModel = cpuModel
    }

    /// Where a host of a ``ModelledFleet`` is reached.
    package static func fleetEndpoint(of node: NodeID) -> MigrationEndpoint {
        MigrationEndpoint(uri: "modelled:\(node)")
    }

    /// What a TCP stream gets of a link: SimGrid's bandwidth factor 0.97 (model LV08).
    package static let linkEfficiency = 0.97

    /// What migrations in one direction share, in bytes per second.
    package var linkBytesPerSecond: Double { Double(self.linkMbps) * 1e6 / 8 * Self.linkEfficiency }

    /// The fastest link, in Mbit/s: 1 Tbit/s.
    package static let linkMbpsMax = 1_000_000
    /// The most domains on one host.
    package static let domainsMax = 4_096
    /// The most guests that leave one host at once, and that arrive at once.
    package static let migrationsMax = 64
    /// The most tickets open at once.
    package static let ticketsMax = 256
    /// How often a migration reports how far it is.
    package static let reportInterval = Duration.milliseconds(500)
    /// How long a host waits for an answer of the other before it gives a migration up. libvirt's keepalive in the
    /// measurements behind this ended after 7 to 8 s.
    package static let peerSilenceMax = Duration.seconds(8)
}

/// What goes wrong with a modelled host on purpose.
package struct ModelledFaults: Hashable, Sendable {
    /// Where in a migration it fails.
    package enum Stage: UInt8, Hashable, Sendable, CaseIterable {
        /// Before a byte was sent.
        case start = 1
        /// When the first round is over.
        case copy = 2
        /// When the guest has just been suspended.
        case switchOver = 3
        /// After the guest has arrived: the source resumes its copy and reports a failure although the other side
        /// has a complete one, as libvirt does when the destination's daemon stops answering at that moment.
        case arrival = 4
    }

    /// Control calls end as `unreachable`; guests and copies go on, as when a hypervisor's daemon hangs.
    package var isSilent: Bool
    /// Nothing is sent, while guests go on writing.
    package var copiesStall: Bool
    /// The next migration that leaves this host fails there; then the fault is gone.
    package var failNextMigration: Stage?
    /// Every control call takes effect at once and is answered so much later.
    package var answerDelay: Duration
    /// What is left of the migration link in each direction, in percent of its speed, 1 to 100.
    package var linkPercent: Int

    package init(
        isSilent: Bool = false, copiesStall: Bool = false, failNextMigration: Stage? = nil,
        answerDelay: Duration = .zero, linkPercent: Int = 100
    ) {
        self.isSilent = isSilent
        self.copiesStall = copiesStall
        self.failNextMigration = failNextMigration
        self.answerDelay = answerDelay
        self.linkPercent = linkPercent
    }
}
