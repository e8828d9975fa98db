import Basis

/// Reads the times of the reservation protocol and checks them against each other.
enum ReservationReader {
    static func read(_ root: inout SettingsSection) -> ReservationSettings {
        var section = root.section("reservation")
        var settings = ReservationSettings()
        let times = Duration.milliseconds(1)...Duration.seconds(600)
        settings.lease = section.duration("lease", default: settings.lease, in: times)
        settings.renewInterval = section.duration("renew_interval", default: settings.renewInterval, in: times)
        settings.requestTimeout = section.duration("request_timeout", default: settings.requestTimeout, in: times)
        settings.margin = section.duration("margin", default: settings.margin, in: times)
        settings.rhoPartsPerMillion = section.value(
            "rho", default: settings.rhoPartsPerMillion, in: 0...100_000,
            shown: { "0." + String("000000\($0)".suffix(6)) }, Quantities.fraction)
        settings.pauseTolerated = section.duration(
            "pause_tolerated", default: settings.pauseTolerated, in: .zero...Duration.seconds(600))
        settings.waitPoll = section.duration("wait_poll", default: settings.waitPoll, in: times)
        settings.resweepDelay = section.duration("resweep_delay", default: settings.resweepDelay, in: times)
        settings.resweepDelayMax = section.duration("resweep_delay_max", default: settings.resweepDelayMax, in: times)
        settings.blockedWait = section.duration("blocked_wait", default: settings.blockedWait)
        settings.actionPoll = section.duration("action_poll", default: settings.actionPoll, in: times)
        settings.maxResolves = section.value(
            "max_resolves", default: settings.maxResolves, in: 0...100, Quantities.count)
        settings.maxReplans = section.value("max_replans", default: settings.maxReplans, in: 0...100, Quantities.count)
        settings.ispDeadline = section.duration("isp_deadline", default: settings.ispDeadline)
        settings.partitionNodesMin = section.value(
            "partition_nodes_min", default: settings.partitionNodesMin, in: 2...1_024, Quantities.count)
        settings.partitionNodesMax = section.value(
            "partition_nodes_max", default: settings.partitionNodesMax, in: 2...1_024, Quantities.count)
        settings.hopsMax = section.value("hops_max", default: settings.hopsMax, in: 1...100_000, Quantities.count)
        section.finish()
        for broken in settings.brokenRules() {
            section.report(broken.text, key: broken.key, line: section.line(of: broken.key))
        }
        return settings
    }
}
