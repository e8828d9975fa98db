package import Placement

/// A guest of a modelled host: everything of it that travels in a migration.
package struct ModelledGuest: Hashable, Sendable {
    package var vm: VMID
    /// What it wants now. Its memory is `demand.memoryMiB`, fixed while it exists; the rates can be changed from outside.
    package var demand: Resources
    /// How fast it writes to memory when it gets all the CPU it wants, in MiB per second.
    package var dirtyMiBPerSecond: Int
    /// The share of its memory that it writes to at all, 0 to 100. SimGrid's default is 90.
    package var workingSetPercent: Int
    package var migratability: Migratability
    /// The CPU model it was started on, empty for "any".
    package var cpuRequirement: String
    package var mark: HandoverMark?

    package init(
        vm: VMID, demand: Resources, dirtyMiBPerSecond: Int = 0, workingSetPercent: Int = 90,
        migratability: Migratability = .migratable, cpuRequirement: String = "", mark: HandoverMark? = nil
    ) {
        self.vm = vm
        self.demand = demand
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
        self.workingSetPercent = workingSetPercent
        self.migratability = migratability
        self.cpuRequirement = cpuRequirement
        self.mark = mark
    }

    /// What is wrong with its numbers, in words; nil when nothing is.
    package var fault: String? {
        let rates = [
            self.demand.cpuMillicores, self.demand.diskKiBPerSecond, self.demand.networkKiBPerSecond,
            self.dirtyMiBPerSecond,
        ]
        guard rates.allSatisfy({ (0...Resources.amountMax).contains($0) }) else {
            return "\(self.vm): a rate is not between 0 and \(Resources.amountMax)"
        }
        guard (1...Self.memoryMiBMax).contains(self.demand.memoryMiB) else {
            return "\(self.vm): memory of \(self.demand.memoryMiB) MiB is not between 1 and \(Self.memoryMiBMax)"
        }
        guard (0...100).contains(self.workingSetPercent) else {
            return "\(self.vm): a working set of \(self.workingSetPercent) % is not between 0 and 100"
        }
        return nil
    }

    /// The most memory a modelled guest may have: 64 TiB.
    package static let memoryMiBMax = 1 << 26
}

/// A guest as it stands on one modelled host.
package struct ModelledDomain: Hashable, Sendable {
    package var guest: ModelledGuest
    /// Never `absent`.
    package var presence: DomainPresence

    package init(guest: ModelledGuest, presence: DomainPresence) {
        self.guest = guest
        self.presence = presence
    }
}

/// What an operator sees of a domain of a modelled host.
package struct ModelledDomainListing: Hashable, Sendable {
    package var vm: VMID
    package var presence: DomainPresence
    /// What it wants.
    package var demand: Resources
    /// What it gets: on an overloaded host each running guest gets the same share of what it wants.
    package var usedCPUMillicores: Int
    package var dirtyMiBPerSecond: Int

    package init(
        vm: VMID, presence: DomainPresence, demand: Resources, usedCPUMillicores: Int, dirtyMiBPerSecond: Int
    ) {
        self.vm = vm
        self.presence = presence
        self.demand = demand
        self.usedCPUMillicores = usedCPUMillicores
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
    }
}

/// The domains of a host, always in the order of their ids.
struct ModelledDomains: Sendable {
    private(set) var sorted: [ModelledDomain] = []

    /// Setting nil removes.
    subscript(vm: VMID) -> ModelledDomain? {
        get {
            let place = self.place(of: vm)
            return place.isTaken ? self.sorted[place.index] : nil
        }
        set {
            let place = self.place(of: vm)
            switch (newValue, place.isTaken) {
            case (let domain?, true): self.sorted[place.index] = domain
            case (let domain?, false): self.sorted.insert(domain, at: place.index)
            case (nil, true): self.sorted.remove(at: place.index)
            case (nil, false): break
            }
        }
    }

    private func place(of vm: VMID) -> (index: Int, isTaken: Bool) {
        var low = 0
        var high = self.sorted.count
        while low < high {
            let middle = (low + high) / 2
            if self.sorted[middle].guest.vm < vm { low = middle + 1 } else { high = middle }
        }
        return (low, low < self.sorted.count && self.sorted[low].guest.vm == vm)
    }
}
