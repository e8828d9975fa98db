/// How much work a solve may do. Work is counted in steps, never in time, so that a solve ends alike on every machine.
///
/// One step is about one VM looked at on one node, or one search node opened: 0.1 to 0.3 µs on a current machine.
package struct SolverBudget: Hashable, Sendable {
    package var stepsMax: Int

    package init(stepsMax: Int) {
        self.stepsMax = stepsMax
    }

    /// Enough for 64 nodes with 640 VMs.
    package static let partition = SolverBudget(stepsMax: 1_000_000)
}

/// Counts steps against a budget and looks now and then whether the solve was cancelled.
struct StepMeter {
    /// How many steps may pass between two looks at `isCancelled`.
    private static let stepsBetweenLooks = 1_024

    private(set) var used = 0
    private(set) var isCancelled = false
    private var limit: Int
    private let stepsMax: Int
    private var nextLook = 0
    private let look: () -> Bool

    init(_ budget: SolverBudget, isCancelled: @escaping () -> Bool) {
        self.stepsMax = max(budget.stepsMax, 0)
        self.limit = self.stepsMax
        self.look = isCancelled
    }

    var remaining: Int { max(self.limit - self.used, 0) }

    /// Whether work has to stop: cancelled, or nothing left of the budget or of the allowance in force.
    var isSpent: Bool { self.isCancelled || self.used >= self.limit }

    /// Counts `steps`; what was begun is finished, so `used` may end a little above the budget.
    mutating func spend(_ steps: Int) {
        self.used += steps
        if self.used >= self.nextLook {
            self.nextLook = self.used + Self.stepsBetweenLooks
            if !self.isCancelled, self.look() { self.isCancelled = true }
        }
    }

    /// Does `work` with at most `steps` of what remains.
    mutating func within<Result>(_ steps: Int, _ work: (inout StepMeter) -> Result) -> Result {
        let outer = self.limit
        self.limit = min(outer, self.used + max(steps, 0))
        defer { self.limit = outer }
        return work(&self)
    }
}
