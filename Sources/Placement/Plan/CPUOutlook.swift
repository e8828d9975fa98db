/// The CPU demand to be reckoned with, of a VM or of all VMs of a node, once its present value has had time to change.
///
/// A demand is of the moment as much as of the VM: one that stands out may come back towards what VMs of its memory want on
/// average. How much of the distance stays is ``PlacementProblem/demandPersistencePercent``; with a share s of it, 1 − s² of
/// the spread between VMs is still to come, besides what each varies by for itself. Source: Efron and Morris, "Data analysis
/// using Stein's estimator and its generalizations", 1975; ADR 0022.
struct CPUOutlook {
    /// In millicores.
    var mean = 0
    /// In millicores².
    var variance = 0.0

    static func += (sum: inout CPUOutlook, vm: CPUOutlook) {
        sum.mean += vm.mean
        sum.variance += vm.variance
    }

    static func -= (sum: inout CPUOutlook, vm: CPUOutlook) {
        sum.mean -= vm.mean
        sum.variance -= vm.variance
    }

    static func + (sum: CPUOutlook, vm: CPUOutlook) -> CPUOutlook {
        var sum = sum
        sum += vm
        return sum
    }
}

extension CPUOutlook {
    /// What to expect of each of `vms`.
    ///
    /// - Parameters:
    ///   - demands: what they count for, in millicores, in the same order.
    ///   - persistencePercent: within ``PlacementProblem/demandPersistenceRange``.
    static func of(_ vms: [VirtualMachine], demands: [Int], persistencePercent: Int) -> [CPUOutlook] {
        let memory = vms.map { Double($0.demand.memoryMiB) }
        let memorySum = memory.reduce(0, +)
        // Without memory there is nothing to say who is like whom.
        let demandPerMiB = memorySum > 0 ? demands.reduce(0) { $0 + Double($1) } / memorySum : 0
        let distances = vms.indices.map { memorySum > 0 ? Double(demands[$0]) - demandPerMiB * memory[$0] : 0 }
        let squares = distances.reduce(0) { $0 + $1 * $1 }
        let memorySquares = memory.reduce(0) { $0 + $1 * $1 }
        let spreadPerMiB = memorySquares > 0 ? squares / memorySquares : 0
        let staying = Double(persistencePercent) / 100
        let toCome = (1 - staying * staying) * spreadPerMiB
        return vms.indices.map { vm in
            let mean = Double(demands[vm]) - (1 - staying) * distances[vm]
            return CPUOutlook(
                mean: Int(mean.rounded()),
                variance: PlacementRisk.variance(of: vms[vm]) + toCome * memory[vm] * memory[vm])
        }
    }
}
