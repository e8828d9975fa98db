/// Where a deployment's hosts come from.
package enum BookingProvider: Hashable, Sendable {
    /// The hosts of the file, on a first come, first served basis among the deployments of one state folder.
    case inventory
    /// Those that a batch system gives a job of the deployment's own.
    case batch(BatchSettings)

    /// As a fleet's file names them.
    package enum Name: String, Hashable, Sendable, CaseIterable {
        case inventory, oar, slurm
    }

    package var name: Name {
        switch self {
        case .inventory: .inventory
        case .batch(let settings): settings.system == .oar ? .oar : .slurm
        }
    }
}

/// A batch system, as records spell it.
package enum BatchSystem: String, Hashable, Sendable, CaseIterable {
    case oar, slurm

    /// As people write it.
    package var title: String {
        switch self {
        case .oar: "OAR"
        case .slurm: "Slurm"
        }
    }
}

/// How a batch system is asked for hosts.
package struct BatchSettings: Hashable, Sendable {
    package var asks: Asks
    /// When the job is to start; nil: as soon as it can.
    package var begin: BatchStart?
    /// How long one apply waits for the job's start, before it deletes the job.
    package var waitMax = Duration.seconds(24 * 3_600)
    /// Where the clients of the batch system are; nil: on this machine.
    package var frontend: FrontendSettings?
    /// Of hosts that the inventory does not list.
    package var hostUser = "root"
    package var hostPort = 22

    package init(asks: Asks) {
        self.asks = asks
    }

    package enum Asks: Hashable, Sendable {
        case oar(OARSettings)
        case slurm(SlurmSettings)
    }

    package var system: BatchSystem {
        switch self.asks {
        case .oar: .oar
        case .slurm: .slurm
        }
    }
}

/// What `oarsub` is given beside the number of hosts and the walltime.
package struct OARSettings: Hashable, Sendable {
    /// Of `-p`: a condition in SQL on the properties of resources.
    package var properties: String?
    package var queue: String?
    package var project: String?
    /// What is counted in `-l`, with the levels above it: `nodes`, `/switch=1/nodes`.
    package var unit = "nodes"
    /// Of `-t`, each.
    package var types: [String] = []

    package init() {}
}

/// What `sbatch` is given beside the number of hosts and the walltime.
package struct SlurmSettings: Hashable, Sendable {
    package var partition: String?
    package var constraint: String?
    package var account: String?
    /// No other job runs on the hosts.
    package var isExclusive = true

    package init() {}
}

/// The machine where users of a batch system log in.
package struct FrontendSettings: Hashable, Sendable {
    package var address: String
    package var user: String
    package var port: Int

    package init(address: String, user: String, port: Int = 22) {
        self.address = address
        self.user = user
        self.port = port
    }
}

/// A date and a time of the frontend's clock and zone.
package struct BatchStart: Hashable, Sendable {
    /// `2026-12-01`.
    package let date: String
    /// `20:00:00`.
    package let time: String

    /// - Parameter text: `YYYY-MM-DD HH:MM:SS`, each number within its bounds. Whether the month has the day is for the
    ///   batch system to say.
    package init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2,
            Self.numbers(parts[0], by: "-", digits: [4, 2, 2], in: [1970...9_999, 1...12, 1...31]),
            Self.numbers(parts[1], by: ":", digits: [2, 2, 2], in: [0...23, 0...59, 0...59])
        else { return nil }
        self.date = String(parts[0])
        self.time = String(parts[1])
    }

    private static func numbers(
        _ text: Substring, by separator: Character, digits: [Int], in ranges: [ClosedRange<Int>]
    ) -> Bool {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == digits.count else { return false }
        return zip(parts, zip(digits, ranges)).allSatisfy { part, bounds in
            part.utf8.count == bounds.0 && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                && Int(part).map(bounds.1.contains) ?? false
        }
    }
}
