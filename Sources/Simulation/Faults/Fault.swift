package import Basis
package import Hypervisor

/// One kind of thing that goes wrong in a ring.
package enum Fault: Hashable, Sendable {
    /// The agent's process ends; what its store kept is there at the next start. Its hypervisor goes on.
    case crash
    /// The same, and what its store kept is gone.
    case crashWithoutDisk
    /// The agent says goodbye and ends; it enters the ring again when it starts.
    case departure
    /// The agent's process stands still.
    case pause
    /// So many nodes clockwise, the one that is hit first, are cut off from all others, or only what they send is.
    case split(nodes: Int, NetworkSplit.Direction)
    /// Nothing gets in or out.
    case unplug
    /// Each message to or from the node takes so much longer, and so much is left of its migration link.
    case slowLinks(delay: Duration, bandwidthPercent: Int)
    /// The hypervisor answers nothing.
    case silentHypervisor
    /// The hypervisor does what it is told and answers so much later.
    case slowHypervisor(answerDelay: Duration)
    /// No memory flows out of the host.
    case stalledCopies
    /// The next migration out of the host fails.
    case failedMigration(ModelledFaults.Stage)
    /// What the agent writes down is refused.
    case failingStore
    /// The host reaches no other host, while the agents reach each other.
    case cutHost
    /// The guests that the host has now write to memory faster than any link carries it away.
    case rapidWrites

    /// Which node a fault hits, chosen when it happens.
    package enum Aim: Hashable, Sendable {
        case anyNode
        /// One whose agent runs an ISP.
        case initiator
        /// One that another node's ISP holds.
        case member
        /// One that takes part in a migration.
        case flying
        /// The one with this index, which only a file names.
        case node(Int)

        /// Those that a seed draws from.
        static let drawn: [Aim] = [.anyNode, .initiator, .member, .flying]
    }
}

extension Fault {
    /// One word or two for reports.
    package var name: String {
        switch self {
        case .crash: "crash"
        case .crashWithoutDisk: "crash without disk"
        case .departure: "departure"
        case .pause: "pause"
        case .split(_, .oneWay): "one-way split"
        case .split(_, .bothWays): "split"
        case .unplug: "unplug"
        case .slowLinks: "slow links"
        case .silentHypervisor: "silent hypervisor"
        case .slowHypervisor: "slow hypervisor"
        case .stalledCopies: "stalled copies"
        case .failedMigration(let stage): "failed \(stage)"
        case .failingStore: "failing store"
        case .cutHost: "cut host"
        case .rapidWrites: "rapid writes"
        }
    }

    /// Of every kind of fault.
    package static let names: [String] =
        [
            Fault.crash, .crashWithoutDisk, .departure, .pause, .split(nodes: 1, .oneWay), .split(nodes: 1, .bothWays),
            .unplug, .slowLinks(delay: .zero, bandwidthPercent: 100), .silentHypervisor,
            .slowHypervisor(answerDelay: .zero), .stalledCopies, .failingStore, .cutHost, .rapidWrites,
        ].map(\.name) + ModelledFaults.Stage.allCases.map { Fault.failedMigration($0).name }
}

/// Everything that goes wrong in one run.
package struct FaultPlan: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// From the beginning.
        package var at: Duration
        package var lasts: Duration
        package var fault: Fault
        package var aim: Fault.Aim
    }

    /// A fault that waits for its moment.
    package struct Ambush: Hashable, Sendable {
        /// From when on, from the beginning, the next moment of this kind is the one.
        package var from: Duration
        package var moment: Moment
        package var delay: Duration
        package var fault: Fault
        package var lasts: Duration
    }

    /// How messages fare.
    package var quality: LinkQuality
    /// In the order of their times.
    package var entries: [Entry]
    package var ambushes: [Ambush]

    /// The longest delay of a hypervisor's answer.
    package static let answerDelayMax = Duration.seconds(4)
    /// By how much links are slowed down, each way, and what is left of their bandwidth, in percent.
    private static let linkDelays = Duration.milliseconds(10)...Duration.milliseconds(400)
    private static let bandwidthPercents = 5...100
    /// In ``Workload/spell``.
    private static let entriesMax = 40
    private static let ambushesMax = 24

    package init(quality: LinkQuality, entries: [Entry], ambushes: [Ambush]) {
        self.quality = quality
        self.entries = entries
        self.ambushes = ambushes
    }

    /// Draws what goes wrong within `time`.
    package init(within time: Duration, using generator: inout SplitMix64) {
        let spells = Workload.spells(in: time)
        self.quality = Self.drawQuality(using: &generator)
        let entries = Int.random(in: Self.entriesMax / 4...Self.entriesMax, using: &generator) * spells
        self.entries = (0..<entries).map { _ in
            let fault = Self.drawFault(using: &generator)
            return Entry(
                at: Self.draw(upTo: time, using: &generator), lasts: Self.drawDuration(of: fault, using: &generator),
                fault: fault, aim: Fault.Aim.drawn.randomElement(using: &generator) ?? .anyNode)
        }
        .sorted { $0.at < $1.at }
        let ambushes = Int.random(in: 0...Self.ambushesMax, using: &generator) * spells
        self.ambushes = (0..<ambushes).map { _ in
            let fault = Self.drawFault(using: &generator)
            let delay = [Duration.zero, .milliseconds(30), .seconds(3)].randomElement(using: &generator) ?? .zero
            return Ambush(
                from: Self.draw(upTo: time, using: &generator),
                moment: Moment.allCases.randomElement(using: &generator) ?? .confirmed,
                delay: Self.draw(upTo: delay, using: &generator), fault: fault,
                lasts: Self.drawDuration(of: fault, using: &generator))
        }
    }

    private static func draw(upTo longest: Duration, using generator: inout SplitMix64) -> Duration {
        Self.draw(in: .zero...longest, using: &generator)
    }

    private static func draw(
        in range: ClosedRange<Duration>, using generator: inout SplitMix64
    ) -> Duration {
        let (least, greatest) = (range.lowerBound.inNanoseconds, range.upperBound.inNanoseconds)
        return .nanoseconds(Int64.random(in: least...greatest, using: &generator))
    }

    /// A clean network, one that loses, doubles and delays a little, one that does so a lot and out of order.
    private static func drawQuality(using generator: inout SplitMix64) -> LinkQuality {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<2:
            .local
        case 2..<4:
            LinkQuality(
                latencyMax: .milliseconds(20), lossPerMillion: 20_000, duplicationPerMillion: 20_000,
                delayPerMillion: 10_000, delayMax: .seconds(3))
        default:
            LinkQuality(
                latencyMax: .milliseconds(50), lossPerMillion: 30_000, duplicationPerMillion: 80_000,
                delayPerMillion: 60_000, delayMax: .seconds(12), keepsOrder: false)
        }
    }

    private static func drawFault(using generator: inout SplitMix64) -> Fault {
        switch Int.random(in: 0..<26, using: &generator) {
        case 0..<4: return .crash
        case 4: return .crashWithoutDisk
        case 5..<10: return .pause
        case 10:
            let direction = Bool.random(using: &generator) ? NetworkSplit.Direction.oneWay : .bothWays
            return .split(nodes: Int.random(in: 1...8, using: &generator), direction)
        case 11..<13: return .unplug
        case 13: return .silentHypervisor
        case 14..<16:
            return .slowHypervisor(answerDelay: Self.draw(upTo: Self.answerDelayMax, using: &generator))
        case 16: return .stalledCopies
        case 17: return .failedMigration(ModelledFaults.Stage.allCases.randomElement(using: &generator) ?? .copy)
        case 18: return .failingStore
        case 19, 20: return .departure
        case 21, 22: return .rapidWrites
        case 23, 24: return Self.drawSlowLinks(using: &generator)
        default: return .cutHost
        }
    }

    private static func drawSlowLinks(using generator: inout SplitMix64) -> Fault {
        let delay = Self.draw(in: Self.linkDelays, using: &generator)
        return .slowLinks(
            delay: delay, bandwidthPercent: Int.random(in: Self.bandwidthPercents, using: &generator))
    }

    /// Short more often than long; a pause or a split often lasts longer than a lease.
    private static func drawDuration(of fault: Fault, using generator: inout SplitMix64) -> Duration {
        let longest: Duration =
            switch fault {
            case .crash, .crashWithoutDisk, .departure:
                [.milliseconds(20), .seconds(2), .seconds(20)].randomElement(using: &generator) ?? .zero
            case .pause, .split, .unplug, .slowLinks:
                [.seconds(2), .seconds(8), .seconds(25)].randomElement(using: &generator) ?? .zero
            case .silentHypervisor, .slowHypervisor, .stalledCopies, .failingStore, .cutHost: .seconds(15)
            case .failedMigration, .rapidWrites: .seconds(30)
            }
        return Self.draw(upTo: longest, using: &generator)
    }
}
