/// The CPU demand above capacity that is to be expected of a mapping over time.
///
/// What VMs may come to want says ``CPUOutlook``. Per node the least upper bound of E[max(0, demand − capacity)] over all
/// distributions with the known mean μ and variance σ²: (√(σ² + (capacity − μ)²) − (capacity − μ)) ÷ 2. Source: Scarf, "A
/// min-max solution of an inventory problem", 1958. It needs no assumption on the distribution, and of arithmetic only what
/// IEEE 754 rounds alike everywhere, so every node ranks alike.
package struct PlacementRisk: Hashable, Comparable, Sendable {
    /// The sum over nodes, in thousandths of a millicore.
    package var expectedExcessMicrocores: Int

    package init(expectedExcessMicrocores: Int) {
        self.expectedExcessMicrocores = expectedExcessMicrocores
    }

    package static func < (left: PlacementRisk, right: PlacementRisk) -> Bool {
        left.expectedExcessMicrocores < right.expectedExcessMicrocores
    }

    /// The standard deviation taken for a VM whose variance is unknown, in percent of its demand.
    package static let unknownDeviationPercent = 25

    /// No node's risk is counted above this, so that sums stay within an `Int`.
    private static let microcoresMax = 1.0e14

    /// The risk of one node.
    ///
    /// - Parameters:
    ///   - capacity: what VMs may have, in millicores.
    ///   - mean: the sum of the demands to be expected, in millicores.
    ///   - variance: the sum of the variances, in millicores²; taken as 0 when rounding has left it below.
    package static func expectedExcessMicrocores(capacity: Int, mean: Int, variance: Double) -> Int {
        let gap = Double(capacity - mean)
        let variance = max(variance, 0)
        let root = (variance + gap * gap).squareRoot()
        // The same value twice; this form does not cancel when the gap is much larger than the deviation.
        let excess = gap > 0 ? variance / (root + gap) : root - gap
        return Int(min(excess * 500, Self.microcoresMax))
    }

    /// By what a VM's demand varies for itself, in millicores².
    package static func variance(of vm: VirtualMachine) -> Double {
        if vm.cpuDemandVariance > 0 { return Double(vm.cpuDemandVariance) }
        let deviation = Double(vm.demand.cpuMillicores * Self.unknownDeviationPercent) / 100
        return deviation * deviation
    }
}
