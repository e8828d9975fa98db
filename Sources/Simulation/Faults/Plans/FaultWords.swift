import Hypervisor

extension Fault {
    /// A fault without its figures, by the word that a file has for it.
    enum Kind: String, CaseIterable {
        case crash
        case crashWithoutDisk = "crash-without-disk"
        case departure
        case pause
        case split
        case oneWaySplit = "one-way-split"
        case unplug
        case slowLinks = "slow-links"
        case silentHypervisor = "silent-hypervisor"
        case slowHypervisor = "slow-hypervisor"
        case stalledCopies = "stalled-copies"
        case failedMigration = "failed-migration"
        case failingStore = "failing-store"
        case cutHost = "cut-host"
        case rapidWrites = "rapid-writes"
    }

    var kind: Kind {
        switch self {
        case .crash: .crash
        case .crashWithoutDisk: .crashWithoutDisk
        case .departure: .departure
        case .pause: .pause
        case .split(_, .bothWays): .split
        case .split(_, .oneWay): .oneWaySplit
        case .unplug: .unplug
        case .slowLinks: .slowLinks
        case .silentHypervisor: .silentHypervisor
        case .slowHypervisor: .slowHypervisor
        case .stalledCopies: .stalledCopies
        case .failedMigration: .failedMigration
        case .failingStore: .failingStore
        case .cutHost: .cutHost
        case .rapidWrites: .rapidWrites
        }
    }
}

extension ModelledFaults.Stage {
    var word: String {
        switch self {
        case .start: "start"
        case .copy: "copy"
        case .switchOver: "switch-over"
        case .arrival: "arrival"
        }
    }

    init?(word: String) {
        guard let stage = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = stage
    }
}

extension Fault.Aim {
    var word: String {
        switch self {
        case .anyNode: "any-node"
        case .initiator: "initiator"
        case .member: "member"
        case .flying: "flying"
        case .node(let index): RingNodeName.of(index)
        }
    }
}

extension Workload.Act {
    /// An act without its figures, by the word that a file has for it.
    enum Kind: String, CaseIterable {
        case overload
        case flap
        case drain
        case injectUnderload = "inject-underload"
        case injectOverload = "inject-overload"
    }

    var kind: Kind {
        switch self {
        case .overload: .overload
        case .flap: .flap
        case .drain: .drain
        case .injectUnderload: .injectUnderload
        case .injectOverload: .injectOverload
        }
    }
}

/// How files name the nodes of a ring: n1, n2 and so on.
enum RingNodeName {
    static func of(_ index: Int) -> String { "n\(index + 1)" }

    /// - Returns: nil when it is not one of so many nodes.
    static func index(of name: String, nodes: Int) -> Int? {
        guard let number = Int(name.dropFirst()), (1...nodes).contains(number), name == self.of(number - 1) else {
            return nil
        }
        return number - 1
    }
}
