/// How much each part of what a migration costs counts.
///
/// A plan costs the sum of its migrations, each of which costs
///
///     memory: every MiB of the VM                                           × memoryPercent
///     dirty:  every MiB that pre-copy sends again, as the VM writes to it   × dirtyPercent
///     link:   how much slower, or faster, than 1 Gbit/s these travel        × linkPercent
///     each:   what a migration costs however small the VM is                  eachMiB
///
/// and of the soft constraints that it leaves broken, which have weights of their own, in MiB as well. Only proportions
/// matter: memory 10 and dirty 100 make a MiB that is sent again ten times as dear. Between plans of one cost the one
/// with fewer migrations wins, then the one with less ``PlacementRisk``.
package struct CostWeights: Hashable, Sendable {
    package var memoryPercent: Int
    package var dirtyPercent: Int
    package var linkPercent: Int
    package var eachMiB: Int

    package init(memoryPercent: Int = 100, dirtyPercent: Int = 100, linkPercent: Int = 100, eachMiB: Int = 0) {
        self.memoryPercent = memoryPercent
        self.dirtyPercent = dirtyPercent
        self.linkPercent = linkPercent
        self.eachMiB = eachMiB
    }

    /// What a migration costs is proportional to the predicted time of its transfer.
    package static let transferTime = CostWeights()

    /// What each percentage may be: with these, sums of weights stay within an `Int`.
    package static let percentRange = 0...200
    /// What ``eachMiB`` may be: a terabyte.
    package static let eachMiBRange = 0...1 << 20
}
