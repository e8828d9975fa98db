package import Basis
package import Placement

/// Everything that a config file says to the daemon of one node, checked.
///
/// Defaults are those of the stored properties' types; `configs/node.example.yaml` shows each with its unit. One file can
/// serve every node of a ring: `{node}` in a path or URI stands for the node's id, `{host}` for the host of its address,
/// and an entry of `ring.nodes` may override what differs from node to node.
package struct NodeSettings: Hashable, Sendable {
    /// The id of this node.
    package var node: NodeID
    /// Which cluster it belongs to: nodes of another one are refused when they say hello. Same alphabet as a node's id.
    package var cluster: String
    package var ring: RingSettings
    /// Where the daemon listens for other agents.
    package var listen: NodeAddress
    /// Whether agents may talk in plain text over other than loopback addresses.
    package var insecure: Bool
    /// Nil: no TLS.
    package var tls: TLSSettings?
    /// Path of the control socket.
    package var controlSocket: String
    /// Folder of the journal.
    package var stateDirectory: String
    package var logLevel: LogLevel
    package var mode: OperatingMode
    package var hypervisor: HypervisorSettings
    /// What is kept back from VMs for the host itself.
    package var reserve: Resources
    /// Speed of the migration link, in Mbit/s.
    package var linkMbps: Int
    package var thresholds: LoadThresholds
    package var triggers: TriggerSettings
    package var sampling: SamplingSettings
    package var migration: MigrationSettings
    package var cooldown: CooldownSettings
    package var reservation: ReservationSettings
    package var membership: FailureDetectionSettings
    package var solver: SolverSettings
    package var journal: JournalSettings
    package var constraints: [ConstraintSettings]
}

/// What the daemon does about a trigger.
package enum OperatingMode: String, Hashable, Sendable, CaseIterable {
    /// Takes part in the ISPs of others, starts none of its own.
    case off
    /// Finds a plan and shows it; the operator applies it.
    case recommend
    /// Finds a plan and carries it out.
    case auto
}

/// How much the daemon logs. The words are swift-log's.
package enum LogLevel: String, Hashable, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

/// Paths of the PEM files for mutual TLS between agents.
package struct TLSSettings: Hashable, Sendable {
    /// The cluster's certificate authority.
    package var ca: String
    /// This node's certificate; its id stands there as a DNS name.
    package var certificate: String
    /// This node's private key.
    package var key: String
}

/// How hard the solver tries.
package struct SolverSettings: Hashable, Sendable {
    /// Search steps per solve, after which the best plan so far counts.
    package var stepsMax = 200_000

    package init() {}
}

/// How long history is kept.
package struct JournalSettings: Hashable, Sendable {
    /// The most events on disk; the oldest go first.
    package var eventsMax = 100_000
    /// Events, ISPs and migrations older than this go.
    package var ageMax = Duration.seconds(30 * 24 * 3_600)

    package init() {}
}
