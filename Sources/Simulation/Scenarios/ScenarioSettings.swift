import ClusterActors
import Placement

/// One setting of an agent with its value, by the key that it has in config files.
package struct ScenarioSetting: Hashable, Sendable {
    package var key: String
    package var value: String

    /// Nil when the value is none for this key.
    func applied(to settings: AgentSettings) -> AgentSettings? {
        var settings = settings
        guard let entry = ScenarioKeys.all[self.key], entry.apply(self.value, &settings) else { return nil }
        return settings
    }
}

/// The settings that a scenario may change.
enum ScenarioKeys {
    struct Entry: Sendable {
        /// What a value looks like, for messages.
        var expected: String
        /// Returns false when the text is no such value.
        var apply: @Sendable (String, inout AgentSettings) -> Bool
    }

    static let all: [String: Entry] = [
        "mode": entry("off, recommend or auto", \.mode) { AgentMode(rawValue: $0) },
        "link": entry("a link speed, such as 1000Mbit/s", \.linkMbps, ScenarioQuantity.megabitsPerSecond),
        "reserve.cpu": entry("millicores, such as 500m", \.reserved.cpuMillicores, ScenarioQuantity.millicores),
        "reserve.memory": entry("a size, such as 512MiB", \.reserved.memoryMiB, ScenarioQuantity.mebibytes),
        "thresholds.overload": percent(\.triggers.thresholds.overloadPercent),
        "thresholds.underload": percent(\.triggers.thresholds.underloadPercent),
        "triggers.overload.enabled": flag(\.triggers.overloadEnabled),
        "triggers.overload.hold": count(\.triggers.hold),
        "triggers.overload.hold_exceeded": count(\.triggers.holdExceeded),
        "triggers.underload.enabled": flag(\.triggers.underloadEnabled),
        "triggers.underload.delay_max": duration(\.triggers.underloadDelayMax),
        "triggers.retry_delay": duration(\.triggers.retryDelay),
        "triggers.retry_delay_max": duration(\.triggers.retryDelayMax),
        "sampling.interval": duration(\.triggers.sampleInterval),
        "sampling.half_life": duration(\.triggers.halfLife),
        "migration.bandwidth": entry(
            "a bandwidth, such as 50MiB/s", \.migration.bandwidthMiBPerSecond, ScenarioQuantity.mebibytesPerSecond),
        "migration.per_node_in": count(\.migration.incomingMax),
        "migration.per_node_out": count(\.migration.outgoingMax),
        "migration.time_limit_floor": duration(\.timings.flightTimeoutMin),
        "cooldown.base": duration(\.migration.cooldown),
        "cooldown.max": duration(\.migration.cooldownMax),
        "cooldown.ping_pong_window": duration(\.migration.pingPongWindow),
        "reservation.lease": duration(\.timings.lease),
        "reservation.renew_interval": duration(\.timings.renewInterval),
        "reservation.blocked_wait": duration(\.timings.blockedWait),
        "reservation.isp_deadline": duration(\.timings.ispDeadline),
        "reservation.max_resolves": count(\.limits.resolvesMax),
        "reservation.max_replans": count(\.limits.replansMax),
        "reservation.partition_nodes_min": count(\.limits.membersMin),
        "reservation.partition_nodes_max": count(\.limits.membersMax),
        "solver.steps": count(\.limits.solverStepsMax),
    ]

    private static func entry<Value: Sendable>(
        _ expected: String, _ field: WritableKeyPath<AgentSettings, Value> & Sendable,
        _ read: @escaping @Sendable (String) -> Value?
    ) -> Entry {
        Entry(expected: expected) { text, settings in
            guard let value = read(text) else { return false }
            settings[keyPath: field] = value
            return true
        }
    }

    private static func duration(_ field: WritableKeyPath<AgentSettings, Duration> & Sendable) -> Entry {
        self.entry("a duration with its unit, such as 250ms or 2.5s", field, ScenarioQuantity.duration)
    }

    private static func count(_ field: WritableKeyPath<AgentSettings, Int> & Sendable) -> Entry {
        self.entry("a whole number", field, ScenarioQuantity.count)
    }

    private static func percent(_ field: WritableKeyPath<AgentSettings, Int> & Sendable) -> Entry {
        self.entry("whole percent with the sign, such as 80%", field, ScenarioQuantity.percent)
    }

    private static func flag(_ field: WritableKeyPath<AgentSettings, Bool> & Sendable) -> Entry {
        self.entry("true or false", field, ScenarioQuantity.flag)
    }
}
