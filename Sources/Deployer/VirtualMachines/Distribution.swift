package import Basis
package import Settings

/// What a host has for guests, and how much of it is given away.
package struct HostRoom: Hashable, Sendable {
    package var id: NodeID
    package var memoryMiB: Int
    /// Hardware threads times overcommit.
    package var vcpus: Int
    package var usedMemoryMiB = 0
    package var usedVCPUs = 0
    package var guests = 0

    /// - Parameters:
    ///   - memoryMiB: of the whole host.
    ///   - cpus: its hardware threads.
    package init(id: NodeID, memoryMiB: Int, cpus: Int, fleet: FleetSettings) {
        self.id = id
        self.memoryMiB = max(0, memoryMiB - fleet.reservedMemoryMiB)
        self.vcpus = cpus * fleet.cpuOvercommitPercent / 100
    }

    package func holds(_ need: GuestNeed) -> Bool {
        self.usedMemoryMiB + need.memoryMiB <= self.memoryMiB && self.usedVCPUs + need.vcpus <= self.vcpus
    }

    package mutating func take(_ need: GuestNeed) {
        self.usedMemoryMiB += need.memoryMiB
        self.usedVCPUs += need.vcpus
        self.guests += 1
    }
}

/// What a guest takes of its host.
package struct GuestNeed: Hashable, Sendable {
    package var name: String
    package var vcpus: Int
    package var memoryMiB: Int

    package init(name: String, vcpus: Int, memoryMiB: Int) {
        self.name = name
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
    }
}

/// Which guest goes to which host. Memory is never given away twice, CPU as far as the fleet overcommits it.
package struct Distribution: Hashable, Sendable {
    package private(set) var rooms: [HostRoom]
    /// The host of each guest that found one.
    package private(set) var places: [String: NodeID] = [:]
    /// Guests that found none, in their order.
    package private(set) var left: [GuestNeed] = []

    /// - Parameters:
    ///   - rooms: in the order of preference.
    ///   - seed: for the random strategy.
    package init(of guests: [GuestNeed], over rooms: [HostRoom], by strategy: DistributionStrategy, seed: UInt64) {
        self.rooms = rooms
        var generator = SplitMix64(seed: seed)
        var next = 0
        for guest in guests {
            guard let index = self.index(for: guest, by: strategy, from: &next, using: &generator) else {
                self.left.append(guest)
                continue
            }
            self.rooms[index].take(guest)
            self.places[guest.name] = self.rooms[index].id
        }
    }

    private func index(
        for guest: GuestNeed, by strategy: DistributionStrategy, from next: inout Int,
        using generator: inout SplitMix64
    ) -> Int? {
        switch strategy {
        case .concentrated:
            return self.rooms.firstIndex { $0.holds(guest) }

        case .roundRobin:
            for step in self.rooms.indices {
                let index = (next + step) % self.rooms.count
                guard self.rooms[index].holds(guest) else { continue }
                next = index + 1
                return index
            }
            return nil

        case .byHosts:
            // The host with the fewest guests, or none: another one would have more than its share.
            let index = self.rooms.indices.min { self.rooms[$0].guests < self.rooms[$1].guests }
            return index.flatMap { self.rooms[$0].holds(guest) ? $0 : nil }

        case .random:
            return self.rooms.indices.filter { self.rooms[$0].holds(guest) }.randomElement(using: &generator)
        }
    }

    /// What is missing for the guests that are left; nil when there are none.
    package var shortage: Shortage? {
        guard let first = self.left.first else { return nil }
        return Shortage(
            guests: self.left.count, firstGuest: first.name,
            neededMemoryMiB: self.left.reduce(0) { $0 + $1.memoryMiB },
            neededVCPUs: self.left.reduce(0) { $0 + $1.vcpus },
            freeMemoryMiB: self.rooms.reduce(0) { $0 + $1.memoryMiB - $1.usedMemoryMiB },
            freeVCPUs: self.rooms.reduce(0) { $0 + $1.vcpus - $1.usedVCPUs }, hosts: self.rooms.count)
    }

    /// Guests without a host, and what they need beside what is free, over all hosts.
    package struct Shortage: Hashable, Sendable, CustomStringConvertible {
        package var guests: Int
        package var firstGuest: String
        package var neededMemoryMiB: Int
        package var neededVCPUs: Int
        package var freeMemoryMiB: Int
        package var freeVCPUs: Int
        package var hosts: Int

        package var description: String {
            "\(self.guests) VMs (\(self.firstGuest) first) find no host: they need \(self.neededMemoryMiB) MiB and "
                + "\(self.neededVCPUs) vCPUs, and \(self.hosts) hosts have \(self.freeMemoryMiB) MiB and "
                + "\(self.freeVCPUs) vCPUs left; book more hosts, or ask for fewer or smaller VMs"
        }
    }
}
