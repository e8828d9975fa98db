import Basis

/// Reads how hosts get their operating system.
extension FleetReader {
    /// - Parameter booking: its frontend is Kadeploy's as well, unless there is another.
    /// - Returns: nil when hosts have their system already, or when what is missing was reported.
    static func kadeploy(_ root: inout SettingsSection, _ booking: BookingSettings) -> KadeploySettings? {
        let isGiven = root.has("preparation")
        var preparation = root.section("preparation")
        if isGiven, !preparation.has("kadeploy") {
            preparation.report("missing", key: "kadeploy", line: preparation.line)
        }
        let isWanted = preparation.has("kadeploy")
        var section = preparation.section("kadeploy")
        let environment = Self.environment(&section, isWanted: isWanted)
        var settings = KadeploySettings(environment: environment ?? .described(file: ""))
        settings.key = section.optional("key", Self.batchWord)
        settings.partition = section.optional("partition", Self.batchWord)
        settings.vlan = section.optional("vlan", Self.batchWord)
        settings.limit = section.duration(
            "limit", default: settings.limit, in: .seconds(60)...Duration.seconds(24 * 3_600))
        settings.frontend = Self.frontend(&section)
        if settings.frontend == nil, case .batch(let batch) = booking.provider { settings.frontend = batch.frontend }
        section.finish()
        preparation.finish()
        return environment == nil ? nil : settings
    }

    private static func environment(
        _ section: inout SettingsSection, isWanted: Bool
    ) -> KadeploySettings.Environment? {
        let name = section.optional("environment", Self.batchWord)
        let file = section.optional("environment_file", Self.batchWord)
        let user = section.optional("user", Self.userName)
        guard isWanted, section.hasOne(of: ["environment", "environment_file"]) else { return nil }
        if section.has("environment_file"), section.has("user") {
            section.report("goes with environment only", key: "user", line: section.line(of: "user"))
        }
        return name.map { .recorded(name: $0, user: user) } ?? file.map { .described(file: $0) }
    }
}
