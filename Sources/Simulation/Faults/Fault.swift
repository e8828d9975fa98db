package import Basis
package import Hypervisor

/// One thing that goes wrong in a ring, and for how long.
package enum Fault: Hashable, Sendable {
    /// Which node it hits, chosen when it happens.
    package enum Aim: Hashable, Sendable, CaseIterable {
        case anyNode
        /// One whose agent runs an ISP.
        case initiator
        /// One that another node's ISP holds.
        case member
        /// One that takes part in a migration.
        case flying
    }

    /// The agent's process ends; what its store kept is there at the next start. Its hypervisor goes on.
    case crash(Aim)
    /// The agent's process stands still.
    case pause(Aim)
    /// So many nodes, from one drawn at random on clockwise, are cut off from all others, or only their own messages are.
    case split(nodes: Int, NetworkSplit.Direction)
    case unplug(Aim)
    /// The hypervisor answers nothing.
    case silentHypervisor(Aim)
    /// The hypervisor does what it is told and answers so much later.
    case slowHypervisor(Aim, answerDelay: Duration)
    /// No memory flows out of the host.
    case stalledCopies(Aim)
    /// The next migration out of the host fails.
    case failedMigration(Aim, ModelledFaults.Stage)
    /// What the agent writes down is refused.
    case failingStore(Aim)
    /// The host reaches no other host, while the agents reach each other.
    case cutHost(Aim)
}

/// Everything that goes wrong in one run.
package struct FaultPlan: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// From the beginning.
        package var at: Duration
        package var lasts: Duration
        package var fault: Fault
    }

    /// How messages fare.
    package var quality: LinkQuality
    /// In the order of their times.
    package var entries: [Entry]

    /// The longest delay of a hypervisor's answer.
    package static let answerDelayMax = Duration.seconds(4)
    private static let entriesMax = 48

    /// Draws what goes wrong within `time`.
    package init(within time: Duration, using generator: inout SplitMix64) {
        self.quality = Self.drawQuality(using: &generator)
        let count = Int.random(in: Self.entriesMax / 4...Self.entriesMax, using: &generator)
        self.entries = (0..<count).map { _ in
            let fault = Self.drawFault(using: &generator)
            return Entry(
                at: .milliseconds(Int64.random(in: 0...time.inMilliseconds, using: &generator)),
                lasts: Self.drawDuration(of: fault, using: &generator), fault: fault)
        }
        .sorted { $0.at < $1.at }
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

    private static func drawAim(using generator: inout SplitMix64) -> Fault.Aim {
        Fault.Aim.allCases.randomElement(using: &generator) ?? .anyNode
    }

    private static func drawFault(using generator: inout SplitMix64) -> Fault {
        let aim = Self.drawAim(using: &generator)
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<4: return .crash(aim)
        case 4..<9: return .pause(aim)
        case 9..<11:
            let direction = Bool.random(using: &generator) ? NetworkSplit.Direction.oneWay : .bothWays
            return .split(nodes: Int.random(in: 1...8, using: &generator), direction)
        case 11: return .unplug(aim)
        case 12: return .silentHypervisor(aim)
        case 13..<15:
            let delay = Int64.random(in: 10...Self.answerDelayMax.inMilliseconds, using: &generator)
            return .slowHypervisor(aim, answerDelay: .milliseconds(delay))
        case 15: return .stalledCopies(aim)
        case 16..<18:
            return .failedMigration(aim, ModelledFaults.Stage.allCases.randomElement(using: &generator) ?? .copy)
        case 18: return .failingStore(aim)
        default: return .cutHost(aim)
        }
    }

    /// Short more often than long; a pause or a split often lasts longer than a lease.
    private static func drawDuration(of fault: Fault, using generator: inout SplitMix64) -> Duration {
        let longest: Int64 =
            switch fault {
            case .crash: [50, 2_000, 20_000].randomElement(using: &generator) ?? 0
            case .pause, .split, .unplug: [2_000, 8_000, 25_000].randomElement(using: &generator) ?? 0
            case .silentHypervisor, .slowHypervisor, .stalledCopies, .failingStore, .cutHost: 15_000
            case .failedMigration: 30_000
            }
        return .milliseconds(Int64.random(in: 1...longest, using: &generator))
    }
}
