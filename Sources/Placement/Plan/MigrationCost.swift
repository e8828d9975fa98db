/// What a plan costs: the memory it moves, weighted by how hard that is, then the number of its migrations.
package struct MigrationCost: Hashable, Comparable, Sendable {
    /// Thousandths of a MiB of an idle guest over a link of ``referenceLinkMbps``: proportional to the predicted time
    /// of transfer, unless ``CostWeights`` say otherwise. A VM that takes two hops counts twice.
    package var weight: Int
    package var migrations: Int

    package init(weight: Int, migrations: Int) {
        self.weight = weight
        self.migrations = migrations
    }

    package static let zero = MigrationCost(weight: 0, migrations: 0)

    package static func < (left: MigrationCost, right: MigrationCost) -> Bool {
        left.weight != right.weight ? left.weight < right.weight : left.migrations < right.migrations
    }

    package static func + (left: MigrationCost, right: MigrationCost) -> MigrationCost {
        MigrationCost(weight: left.weight + right.weight, migrations: left.migrations + right.migrations)
    }

    /// The least cost above `percent` of this one.
    func scaled(toPercent percent: Int) -> MigrationCost {
        // A weight is below 2⁵⁸, so divided first nothing overflows.
        MigrationCost(
            weight: self.weight / 100 * percent + self.weight % 100 * percent / 100,
            migrations: self.migrations * percent / 100 + 1)
    }

    package static func - (left: MigrationCost, right: MigrationCost) -> MigrationCost {
        MigrationCost(weight: left.weight - right.weight, migrations: left.migrations - right.migrations)
    }
}

extension MigrationCost {
    /// The link over which one MiB weighs 1,000, in Mbit/s.
    package static let referenceLinkMbps = 1_000
    /// Slower links are weighed as this, in Mbit/s: what keeps sums of weights within an `Int`.
    package static let slowestLinkMbps = 10
    /// Pre-copy sends memory again as it is written to; beyond this factor it does not converge and is throttled.
    package static let resendFactorMax = 4

    /// What one hop of `vm` costs over the slower of the two nodes' links.
    ///
    /// It grows with the memory and the dirty rate of the VM, and never with the speed of a link.
    ///
    /// With memory M, dirty rate d and link rate b, pre-copy sends M × 1 ÷ (1 − d÷b): the geometric series of its
    /// rounds (Akoush et al., "Predicting the performance of virtual machine migration", MASCOTS 2010).
    package init(of vm: VirtualMachine, from: Node, to: Node, _ weights: CostWeights) {
        self.init(of: vm, linkMbps: min(from.linkMbps, to.linkMbps), weights)
    }

    package init(of vm: VirtualMachine, linkMbps: Int, _ weights: CostWeights) {
        let link = max(linkMbps, Self.slowestLinkMbps)
        // MiB to Mbit is × 8.388608, in thousandths to stay with integers.
        let dirtyMbps = min(vm.dirtyMiBPerSecond, link) * 8_389 / 1_000
        let resend =
            dirtyMbps * Self.resendFactorMax >= link * (Self.resendFactorMax - 1)
            ? Self.resendFactorMax * 1_000 : 1_000 * link / (link - dirtyMbps)
        let sent = 10 * weights.memoryPercent + (resend - 1_000) * weights.dirtyPercent / 100
        // By what a MiB takes longer than over the reference link, in thousandths; below 0 where it takes less.
        let slower = (1_000 * Self.referenceLinkMbps / link - 1_000) * weights.linkPercent / 100
        // At most 1,600,000, and all memory of a problem is at most 2³⁶ MiB: a plan's weight stays far below 2⁶³.
        let perMiB = sent * max(1_000 + slower, 0) / 1_000
        self.init(
            weight: vm.demand.memoryMiB * (sent > 0 ? max(perMiB, 1) : 0) + 1_000 * weights.eachMiB, migrations: 1)
    }
}
