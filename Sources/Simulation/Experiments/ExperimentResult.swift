import Basis
import ClusterActors

/// What came of an experiment: what `dvms-simulation/1` says.
package struct ExperimentResult: Encodable, Sendable {
    package static let format = "dvms-simulation/1"

    package struct Violations: Encodable, Sendable {
        package var count: Int
        package var total: Double
        package var mean: Double
        package var deviation: Double
        package var median: Double
        package var p99: Double
        package var madeByArrivals: Int

        enum CodingKeys: String, CodingKey {
            case count
            case total = "total_s"
            case mean = "mean_s"
            case deviation = "std_s"
            case median = "p50_s"
            case p99 = "p99_s"
            case madeByArrivals = "made_by_arrivals"
        }
    }

    /// Of a central scheduler, its rounds that found something to do.
    package struct ISPs: Encodable, Sendable {
        package var count: Int
        package var byOutcome: [String: Int]
        package var nodesMean: Double
        package var nodesP99: Double
        package var messagesMean: Double
        package var messagesP99: Double
        /// Virtual time from the start of an ISP to its plan.
        package var decideMedian: Double
        package var decideP99: Double
        /// From start to end.
        package var durationMean: Double
        /// Of the time of those that moved anything, what came after the plan.
        package var migratingPercent: Double

        enum CodingKeys: String, CodingKey {
            case count
            case byOutcome = "by_outcome"
            case nodesMean = "nodes_mean"
            case nodesP99 = "nodes_p99"
            case messagesMean = "messages_mean"
            case messagesP99 = "messages_p99"
            case decideMedian = "decide_ms_p50"
            case decideP99 = "decide_ms_p99"
            case durationMean = "duration_mean_s"
            case migratingPercent = "migrating_percent"
        }
    }

    package struct Migrations: Encodable, Sendable {
        package var count: Int
        package var mib: Int
        package var failed: Int
        package var mean: Double

        enum CodingKeys: String, CodingKey {
            case count, mib, failed
            case mean = "mean_s"
        }
    }

    /// How many nodes hosted guests.
    package struct Online: Encodable, Sendable {
        package var mean: Double
        package var least: Int
    }

    /// Of all messages, whose business they were.
    package struct Messages: Encodable, Sendable {
        package var membership: Int
        package var isp: Int
        /// Refusals of hosts and agents that are down or stop.
        package var other: Int
        /// Of the jobs run and timers fired, at least so many were membership's.
        package var membershipEventsLeast: Int

        package var total: Int { self.membership + self.isp + self.other }

        enum CodingKeys: String, CodingKey {
            case membership, isp, other
            case membershipEventsLeast = "membership_events_least"
        }
    }

    /// The overloads that one change of all loads makes, taken together.
    package struct Sets: Encodable, Sendable {
        package var count: Int
        /// From the change until no node is overloaded any more.
        package var solveMean: Double
        package var solveMax: Double

        enum CodingKeys: String, CodingKey {
            case count
            case solveMean = "solve_mean_s"
            case solveMax = "solve_max_s"
        }
    }

    package var preset: String
    package var nodes: Int
    package var vms: Int
    package var duration: Double
    package var algorithm: String
    package var seed: UInt64
    package var violations: Violations
    package var isps: ISPs
    package var migrations: Migrations
    package var online: Online
    /// Nil where loads change one by one.
    package var sets: Sets?
    package var messages: Messages
    /// Jobs run and timers fired.
    package var events: Int
    /// Equal for two runs of a seed.
    package var traceHash: String
    /// What the run took of the machine, set by who runs the experiment.
    package struct Spent: Sendable {
        package var wallSeconds: Double
        /// Of the run's own thread.
        package var cpuSeconds: Double
        /// Of the process so far.
        package var peakRSSMiB: Int

        package init(wallSeconds: Double = 0, cpuSeconds: Double = 0, peakRSSMiB: Int = 0) {
            self.wallSeconds = wallSeconds
            self.cpuSeconds = cpuSeconds
            self.peakRSSMiB = peakRSSMiB
        }
    }

    package var spent = Spent()

    enum CodingKeys: String, CodingKey {
        case format, preset, nodes, vms
        case duration = "duration_s"
        case algorithm, seed
        case wall = "wall_s"
        case cpu = "cpu_s"
        case peakRSSMiB = "peak_rss_mib"
        case events, violations, isps, migrations, online, sets, messages
        case messagesTotal = "messages_total"
        case traceHash = "trace_hash"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.format, forKey: .format)
        try container.encode(self.preset, forKey: .preset)
        try container.encode(self.nodes, forKey: .nodes)
        try container.encode(self.vms, forKey: .vms)
        try container.encode(self.duration, forKey: .duration)
        try container.encode(self.algorithm, forKey: .algorithm)
        try container.encode(self.seed, forKey: .seed)
        try container.encode(self.spent.wallSeconds, forKey: .wall)
        try container.encode(self.spent.cpuSeconds, forKey: .cpu)
        try container.encode(self.spent.peakRSSMiB, forKey: .peakRSSMiB)
        try container.encode(self.events, forKey: .events)
        try container.encode(self.violations, forKey: .violations)
        try container.encode(self.isps, forKey: .isps)
        try container.encode(self.migrations, forKey: .migrations)
        try container.encode(self.online, forKey: .online)
        try container.encodeIfPresent(self.sets, forKey: .sets)
        try container.encode(self.messages.total, forKey: .messagesTotal)
        try container.encode(self.messages, forKey: .messages)
        try container.encode(self.traceHash, forKey: .traceHash)
    }
}

extension ExperimentResult.Violations {
    init(of violations: [ViolationMeter.Violation]) {
        let seconds = Sample(violations.map(\.duration.inSeconds))
        self.init(
            count: seconds.count, total: seconds.sum, mean: seconds.mean, deviation: seconds.deviation,
            median: seconds.percentile(50), p99: seconds.percentile(99),
            madeByArrivals: violations.count(where: \.isMadeByArrival))
    }
}

extension ExperimentResult.ISPs {
    init(of summaries: [ISPSummary]) {
        let nodes = Sample(summaries.map { Double($0.membersPeak) })
        let messages = Sample(summaries.map { Double($0.messages) })
        let migrating = summaries.filter { $0.migrations > 0 }
        let duration = migrating.reduce(Duration.zero) { $0 + $1.duration }
        let afterPlan = migrating.reduce(Duration.zero) { $0 + $1.duration - ($1.timeToPlan ?? .zero) }
        let decide = Sample(summaries.compactMap { $0.timeToPlan.map { $0.inSeconds * 1_000 } })
        self.init(
            count: summaries.count,
            byOutcome: summaries.reduce(into: [:]) { $0[$1.outcome.name, default: 0] += 1 }, nodesMean: nodes.mean,
            nodesP99: nodes.percentile(99), messagesMean: messages.mean, messagesP99: messages.percentile(99),
            decideMedian: decide.percentile(50), decideP99: decide.percentile(99),
            durationMean: Sample(summaries.map(\.duration.inSeconds)).mean,
            migratingPercent: duration > .zero ? 100 * (afterPlan / duration) : 0)
    }
}

extension ExperimentResult.Migrations {
    init(of moves: [ExperimentRecord.Move]) {
        let done = moves.filter { $0.failure == nil }
        self.init(
            count: done.count, mib: done.reduce(0) { $0 + $1.memoryMiB }, failed: moves.count - done.count,
            mean: Sample(done.map(\.duration.inSeconds)).mean)
    }
}

extension ExperimentResult.Sets {
    /// - Parameter interval: from one change of all loads to the next.
    init(of violations: [ViolationMeter.Violation], interval: Duration) {
        var ends: [Int: Duration] = [:]
        for violation in violations {
            let set = Int((violation.began - .zero) / interval)
            ends[set] = max(ends[set] ?? .zero, violation.ended - .zero - interval * set)
        }
        let seconds = Sample(ends.values.map(\.inSeconds))
        self.init(count: seconds.count, solveMean: seconds.mean, solveMax: seconds.percentile(100))
    }
}

extension ExperimentResult {
    init(_ experiment: Experiment, seed: UInt64, _ record: ExperimentRecord, messages: Messages) {
        self.init(
            preset: experiment.preset, nodes: experiment.shape.nodes,
            vms: experiment.shape.vms, duration: experiment.duration.inSeconds,
            algorithm: experiment.algorithm.rawValue, seed: seed, violations: Violations(of: record.violations),
            isps: ISPs(of: record.procedures.map(\.summary)), migrations: Migrations(of: record.moves),
            online: Online(mean: record.onlineMean, least: record.onlineLeast),
            sets: experiment.load.interval.map { Sets(of: record.violations, interval: $0) },
            messages: messages, events: 0, traceHash: "")
    }
}

/// Figures of one kind.
struct Sample {
    private let sorted: [Double]

    init(_ values: [Double]) { self.sorted = values.sorted() }

    var count: Int { self.sorted.count }
    var sum: Double { self.sorted.reduce(0, +) }
    /// 0 of nothing, as the others.
    var mean: Double { self.sorted.isEmpty ? 0 : self.sum / Double(self.count) }

    /// Of the whole population.
    var deviation: Double {
        let mean = self.mean
        let squares = self.sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return self.sorted.isEmpty ? 0 : (squares / Double(self.count)).squareRoot()
    }

    /// The least value that so many percent of all do not exceed (nearest rank).
    func percentile(_ percent: Int) -> Double {
        guard !self.sorted.isEmpty else { return 0 }
        return self.sorted[max((self.count * percent + 99) / 100, 1) - 1]
    }
}
