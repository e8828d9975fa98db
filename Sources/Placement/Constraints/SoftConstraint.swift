/// A constraint that is worth something, but not everything.
///
/// It is part of what a plan costs, never of whether a mapping is viable, and it binds at the end of a plan only: each
/// breach that is left then costs as much as moving ``weight`` MiB of an idle guest over the reference link.
package struct SoftConstraint: Sendable, CustomStringConvertible {
    package var constraint: any PlacementConstraint
    /// In MiB, at least 0.
    package var weight: Int

    package init(_ constraint: any PlacementConstraint, weight: Int) {
        self.constraint = constraint
        self.weight = weight
    }

    /// What one breach costs, in the unit of ``MigrationCost/weight``.
    package var costPerBreach: Int { self.weight * 1_000 }

    package var description: String { "\(self.constraint), if it is worth \(self.weight) MiB" }
}
