import Basis

/// The name of a VM, unique in the fleet: libvirt's domain name.
///
/// 1 to ``lengthMax`` bytes of UTF-8 without control characters or `/`. Ordered by its bytes.
package struct VMID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The longest VM name, in bytes.
    package static let lengthMax = 255

    package let name: String

    /// - Returns: nil when `name` is empty, too long, or has a control character or a `/`.
    package init?(_ name: String) {
        var name = name
        // As one run of bytes, which is quicker than byte by byte: names are read from the wire by the thousand.
        let isName = name.withUTF8 { bytes in
            !bytes.isEmpty && bytes.count <= Self.lengthMax
                && bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
        }
        guard isName else { return nil }
        self.name = name
    }

    package static func < (left: VMID, right: VMID) -> Bool {
        left.name.precedes(right.name)
    }

    package var description: String { self.name }
}

extension VMID: ExpressibleByStringLiteral {
    /// For names written in source, as tests do.
    package init(stringLiteral value: String) {
        guard let id = VMID(value) else { preconditionFailure("\(value) is not a VM name") }
        self = id
    }
}

/// What the solver knows of a VM.
package struct VirtualMachine: Hashable, Sendable {
    package var id: VMID
    /// What it wants, not what it got: on an overloaded node usage is capped, demand is not.
    package var demand: Resources
    /// Virtual CPUs; 0 when unknown.
    package var vcpus: Int
    /// Variance of the CPU demand over time, in millicores². 0 when unknown.
    package var cpuDemandVariance: Int
    /// How fast it writes to memory, in MiB per second: what makes a live migration longer than its memory size.
    package var dirtyMiBPerSecond: Int
    /// Whether it may be moved, and if not, why.
    package var migratability: Migratability

    package init(
        id: VMID, demand: Resources, vcpus: Int = 0, cpuDemandVariance: Int = 0, dirtyMiBPerSecond: Int = 0,
        migratability: Migratability = .migratable
    ) {
        self.id = id
        self.demand = demand
        self.vcpus = vcpus
        self.cpuDemandVariance = cpuDemandVariance
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
        self.migratability = migratability
    }
}

/// Whether a VM may be moved now.
package enum Migratability: Hashable, Sendable {
    case migratable
    /// It stays where it is; `reason` is in words for the operator ("host device 0000:3b:00.0", "cooldown 40 s").
    case rooted(reason: String)
}
