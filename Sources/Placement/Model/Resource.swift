/// One of the kinds of amounts in ``Resources``.
package enum Resource: Int, Hashable, Comparable, Sendable, CaseIterable, CustomStringConvertible {
    case cpu = 0
    case memory = 1
    case disk = 2
    case network = 3

    package static func < (left: Resource, right: Resource) -> Bool { left.rawValue < right.rawValue }

    /// What amounts of it are counted in.
    package var unit: String {
        switch self {
        case .cpu: "millicores"
        case .memory: "MiB"
        case .disk, .network: "KiB/s"
        }
    }

    /// Whether a capacity of 0 means "not limited" rather than "none".
    package var zeroCapacityIsUnlimited: Bool {
        switch self {
        case .cpu, .memory: false
        case .disk, .network: true
        }
    }

    package var description: String {
        switch self {
        case .cpu: "CPU"
        case .memory: "memory"
        case .disk: "disk"
        case .network: "network"
        }
    }
}

extension Resources {
    package subscript(resource: Resource) -> Int {
        get {
            switch resource {
            case .cpu: self.cpuMillicores
            case .memory: self.memoryMiB
            case .disk: self.diskKiBPerSecond
            case .network: self.networkKiBPerSecond
            }
        }
        set {
            switch resource {
            case .cpu: self.cpuMillicores = newValue
            case .memory: self.memoryMiB = newValue
            case .disk: self.diskKiBPerSecond = newValue
            case .network: self.networkKiBPerSecond = newValue
            }
        }
    }
}
