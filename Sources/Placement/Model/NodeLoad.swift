package import Basis

/// One resource of which a node is asked for more than it may give.
package struct Overload: Hashable, Sendable, CustomStringConvertible {
    package var node: NodeID
    package var resource: Resource
    /// The sum of the demands on the node.
    package var load: Int
    /// The greatest load that is no overload.
    package var limit: Int
    /// How far the load is over the limit, in thousandths of what VMs may have, rounded up; at most
    /// ``excessPermilleMax``.
    package var excessPermille: Int

    package init(node: NodeID, resource: Resource, load: Int, limit: Int, excessPermille: Int) {
        self.node = node
        self.resource = resource
        self.load = load
        self.limit = limit
        self.excessPermille = excessPermille
    }

    /// The excess counted for a node that has nothing to give, or for one that is a thousandfold overloaded.
    package static let excessPermilleMax = 1_000_000

    package var description: String {
        "\(self.node) is asked for \(self.load) \(self.resource.unit) of \(self.resource) and may give \(self.limit)"
    }
}

extension Node {
    /// What the machine has for VMs: capacity − reserved. nil when the resource is not limited.
    package func spared(_ resource: Resource) -> Int? {
        if resource.zeroCapacityIsUnlimited, self.capacity[resource] == 0 { return nil }
        return self.capacity[resource] - self.reserved[resource]
    }

    /// What VMs may have of a resource: (capacity − reserved) × overcommit ÷ 100. nil when it is not limited.
    ///
    /// - Parameter booking: what ``Overbook`` allows of capacity − reserved; the stricter of it and the node's own
    ///   overcommitment holds.
    package func usable(_ resource: Resource, booking: ResourcePercents = .unbounded) -> Int? {
        self.spared(resource).map { $0 * min(self.overcommitPercent[resource], booking[resource]) / 100 }
    }

    /// The greatest load that is no overload, or nil when the resource is not limited.
    ///
    /// load × 100 > percent × usable ⇔ load > ⌊percent × usable ÷ 100⌋, all being integers. Memory is occupied, not
    /// shared in time, so an overload percent above 100 does not apply to it; nor does it let a load exceed `booking`.
    package func limit(
        _ resource: Resource, _ thresholds: LoadThresholds, booking: ResourcePercents = .unbounded
    ) -> Int? {
        guard let spared = self.spared(resource), let usable = self.usable(resource, booking: booking) else {
            return nil
        }
        let percent = resource == .memory ? min(thresholds.overloadPercent, 100) : thresholds.overloadPercent
        return min(percent * usable / 100, spared * booking[resource] / 100)
    }

    /// The resources of which `load` is too much for this node, in the order of ``Resource``.
    package func overloads(
        under load: Resources, _ thresholds: LoadThresholds, booking: ResourcePercents = .unbounded
    ) -> [Overload] {
        Resource.allCases.compactMap { resource in
            guard let usable = self.usable(resource, booking: booking),
                let limit = self.limit(resource, thresholds, booking: booking), load[resource] > limit
            else { return nil }
            let excess = load[resource] - limit
            let permille: Int
            if usable <= 0 || excess / usable >= Overload.excessPermilleMax / 1_000 {
                permille = Overload.excessPermilleMax
            } else {
                permille = (excess * 1_000 + usable - 1) / usable
            }
            return Overload(
                node: self.id, resource: resource, load: load[resource], limit: limit, excessPermille: permille)
        }
    }

    /// Whether `load` is so little that the node could be emptied: it hosts something, its CPU or its memory is below
    /// the lower threshold, and nothing is overloaded.
    ///
    /// load × 100 < percent × usable ⇔ load < ⌈percent × usable ÷ 100⌉.
    package func isUnderloaded(under load: Resources, _ thresholds: LoadThresholds) -> Bool {
        guard load != .zero, self.overloads(under: load, thresholds).isEmpty else { return false }
        return [Resource.cpu, .memory].contains { resource in
            guard let usable = self.usable(resource) else { return false }
            return load[resource] < (thresholds.underloadPercent * usable + 99) / 100
        }
    }
}
