package import Basis

/// A problem that makes no sense, with everything that is wrong with it.
package struct InvalidPlacementProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// At least one, in the order in which the problem is read.
    package let defects: [ProblemDefect]

    package init(defects: [ProblemDefect]) {
        self.defects = defects
    }

    package var description: String { self.defects.map(\.description).joined(separator: "; ") }
}

/// One thing that is wrong with a ``PlacementProblem``.
package enum ProblemDefect: Hashable, Sendable, CustomStringConvertible {
    case tooManyNodes(count: Int, max: Int)
    case tooManyVMs(count: Int, max: Int)
    case duplicateNode(NodeID)
    case duplicateVM(VMID)
    case vmNotMapped(VMID)
    case vmOnUnknownNode(VMID, NodeID)
    case mappedVMUnknown(VMID)
    /// `what` is the name of the field.
    case amountOutOfRange(of: String, what: String, amount: Int, range: ClosedRange<Int>)
    case reservedMoreThanCapacity(NodeID, Resource, reserved: Int, capacity: Int)
    case thresholdsOverlap(underloadPercent: Int, overloadPercent: Int)
    case evacuatedNodeUnknown(NodeID)
    /// A VM of the problem is said to be outside it.
    case vmInsideAndOutside(VMID)

    package var description: String {
        switch self {
        case .tooManyNodes(let count, let max): "\(count) nodes, more than \(max)"
        case .tooManyVMs(let count, let max): "\(count) VMs, more than \(max)"
        case .duplicateNode(let node): "node \(node) is there twice"
        case .duplicateVM(let vm): "VM \(vm) is there twice"
        case .vmNotMapped(let vm): "VM \(vm) is on no node"
        case .vmOnUnknownNode(let vm, let node): "VM \(vm) is on node \(node), which is unknown"
        case .mappedVMUnknown(let vm): "VM \(vm) is on a node but not described"
        case .amountOutOfRange(let of, let what, let amount, let range):
            "\(what) of \(of) is \(amount), not within \(range.lowerBound) to \(range.upperBound)"
        case .reservedMoreThanCapacity(let node, let resource, let reserved, let capacity):
            "node \(node) keeps back \(reserved) of \(capacity) \(resource.unit) of \(resource)"
        case .thresholdsOverlap(let under, let over):
            "underload at \(under) % is not below overload at \(over) %"
        case .evacuatedNodeUnknown(let node): "node \(node), which is to be emptied, is unknown"
        case .vmInsideAndOutside(let vm): "VM \(vm) is described and said to be outside"
        }
    }
}

extension PlacementProblem {
    /// Everything that is wrong with this problem; empty when it can be solved.
    ///
    /// Constraints may name VMs and nodes outside the problem: a partition is a part of the fleet.
    package var defects: [ProblemDefect] {
        var defects: [ProblemDefect] = []
        if self.nodes.count > Self.nodesMax {
            defects.append(.tooManyNodes(count: self.nodes.count, max: Self.nodesMax))
        }
        if self.vms.count > Self.vmsMax {
            defects.append(.tooManyVMs(count: self.vms.count, max: Self.vmsMax))
        }
        var knownNodes: Set<NodeID> = []
        for node in self.nodes {
            if !knownNodes.insert(node.id).inserted { defects.append(.duplicateNode(node.id)) }
            defects += Self.defects(of: node)
        }
        var knownVMs: Set<VMID> = []
        for vm in self.vms {
            if !knownVMs.insert(vm.id).inserted { defects.append(.duplicateVM(vm.id)) }
            defects += Self.defects(of: vm)
            switch self.mapping[vm.id] {
            case nil: defects.append(.vmNotMapped(vm.id))
            case let node? where !knownNodes.contains(node): defects.append(.vmOnUnknownNode(vm.id, node))
            case _?: break
            }
        }
        defects += self.mapping.assignments.filter { !knownVMs.contains($0.vm) }.map { .mappedVMUnknown($0.vm) }
        defects += self.outside.assignments.filter { knownVMs.contains($0.vm) }.map { .vmInsideAndOutside($0.vm) }
        defects += Self.defects(of: self.thresholds, owner: "the problem")
        for (node, thresholds) in self.thresholdsByNode.sorted(by: { $0.key < $1.key }) {
            defects += Self.defects(of: thresholds, owner: "node \(node)")
        }
        defects += self.defectsOfPolicyAndCaps(knownNodes)
        defects += (self.constraints + self.softConstraints.map(\.constraint)).flatMap(Self.defects(of:))
        defects += self.defectsOfWeights
        return defects
    }

    private func defectsOfPolicyAndCaps(_ knownNodes: Set<NodeID>) -> [ProblemDefect] {
        var defects: [ProblemDefect] = []
        for (what, amount) in [
            ("perNodeIn", self.flightCaps.perNodeIn), ("perNodeOut", self.flightCaps.perNodeOut),
        ] where !FlightCaps.range.contains(amount) {
            defects.append(.amountOutOfRange(of: "the problem", what: what, amount: amount, range: FlightCaps.range))
        }
        defects += self.defectsOfPreferences
        switch self.policy {
        case .repair, .balance, .consolidate: break
        case .evacuate(let node):
            if !knownNodes.contains(node) { defects.append(.evacuatedNodeUnknown(node)) }
        }
        let memory = self.vms.reduce(into: (sum: 0, overflow: false)) { total, vm in
            let (sum, overflow) = total.sum.addingReportingOverflow(vm.demand.memoryMiB)
            total = (sum, total.overflow || overflow)
        }
        if memory.overflow || memory.sum > Self.memoryMiBMax {
            defects.append(
                .amountOutOfRange(
                    of: "all VMs together", what: Resource.memory.description, amount: memory.sum,
                    range: 0...Self.memoryMiBMax))
        }
        return defects
    }

    private var defectsOfPreferences: [ProblemDefect] {
        let (weights, percents) = (self.costWeights, CostWeights.percentRange)
        let amounts = [
            ("memory weight in percent", weights.memoryPercent, percents),
            ("dirty weight in percent", weights.dirtyPercent, percents),
            ("link weight in percent", weights.linkPercent, percents),
            ("weight of each migration in MiB", weights.eachMiB, CostWeights.eachMiBRange),
            ("demand persistence in percent", self.demandPersistencePercent, Self.demandPersistenceRange),
        ]
        return amounts.filter { !$0.2.contains($0.1) }.map { what, amount, range in
            .amountOutOfRange(of: "the problem", what: what, amount: amount, range: range)
        }
    }

    private static func defects(of node: Node) -> [ProblemDefect] {
        var defects: [ProblemDefect] = []
        for resource in Resource.allCases {
            let (capacity, reserved) = (node.capacity[resource], node.reserved[resource])
            for (what, amount) in [("capacity", capacity), ("reserve", reserved)]
            where !Resources.amountRange.contains(amount) {
                defects.append(
                    .amountOutOfRange(
                        of: "node \(node.id)", what: "\(resource) \(what)", amount: amount,
                        range: Resources.amountRange))
            }
            if !Node.overcommitPercentRange.contains(node.overcommitPercent[resource]) {
                defects.append(
                    .amountOutOfRange(
                        of: "node \(node.id)", what: "\(resource) overcommit percent",
                        amount: node.overcommitPercent[resource], range: Node.overcommitPercentRange))
            }
            let unlimited = resource.zeroCapacityIsUnlimited && capacity == 0
            if reserved > capacity, !unlimited {
                defects.append(
                    .reservedMoreThanCapacity(node.id, resource, reserved: reserved, capacity: capacity))
            }
        }
        if !Node.linkMbpsRange.contains(node.linkMbps) {
            defects.append(
                .amountOutOfRange(
                    of: "node \(node.id)", what: "link speed in Mbit/s", amount: node.linkMbps,
                    range: Node.linkMbpsRange))
        }
        return defects
    }

    private static func defects(of vm: VirtualMachine) -> [ProblemDefect] {
        let amounts =
            Resource.allCases.map { ("\($0) demand", vm.demand[$0]) } + [
                ("CPU demand variance", vm.cpuDemandVariance), ("dirty rate", vm.dirtyMiBPerSecond),
            ]
        return amounts.filter { !Resources.amountRange.contains($0.1) }.map { what, amount in
            .amountOutOfRange(of: "VM \(vm.id)", what: what, amount: amount, range: Resources.amountRange)
        }
    }

    private static func defects(of constraint: any PlacementConstraint) -> [ProblemDefect] {
        let (what, amount, range): (String, Int, ClosedRange<Int>)
        switch constraint {
        case let maxOnline as MaxOnline: (what, amount, range) = ("limit", maxOnline.limit, 0...Self.nodesMax)
        case let capacity as RunningCapacity: (what, amount, range) = ("limit", capacity.limit, 0...Self.vmsMax)
        case let preserve as Preserve: (what, amount, range) = ("amount", preserve.amount, Resources.amountRange)
        case let overbook as Overbook:
            (what, amount, range) = ("ratio percent", overbook.ratioPercent, Overbook.ratioPercentRange)
        default: return []
        }
        if range.contains(amount) { return [] }
        return [.amountOutOfRange(of: constraint.description, what: what, amount: amount, range: range)]
    }

    private var defectsOfWeights: [ProblemDefect] {
        let range = SoftConstraint.weightRange
        let wrong = self.softConstraints.filter { !range.contains($0.weight) }.map {
            ProblemDefect.amountOutOfRange(
                of: $0.constraint.description, what: "weight", amount: $0.weight, range: range)
        }
        guard wrong.isEmpty else { return wrong }
        // Each is at most 2³⁰: no overflow below 2³³ of them.
        let sum = self.softConstraints.reduce(0) { $0 + $1.weight }
        if sum <= SoftConstraint.weightSumMax { return [] }
        return [
            .amountOutOfRange(
                of: "\(self.softConstraints.count) soft constraints", what: "weight", amount: sum,
                range: 0...SoftConstraint.weightSumMax)
        ]
    }

    private static func defects(of thresholds: LoadThresholds, owner: String) -> [ProblemDefect] {
        var defects: [ProblemDefect] = []
        if !LoadThresholds.overloadPercentRange.contains(thresholds.overloadPercent) {
            defects.append(
                .amountOutOfRange(
                    of: owner, what: "overload percent", amount: thresholds.overloadPercent,
                    range: LoadThresholds.overloadPercentRange))
        }
        if thresholds.underloadPercent < 0 || thresholds.underloadPercent >= thresholds.overloadPercent {
            defects.append(
                .thresholdsOverlap(
                    underloadPercent: thresholds.underloadPercent, overloadPercent: thresholds.overloadPercent))
        }
        return defects
    }
}

extension Resources {
    /// What any amount of a problem lies in.
    package static let amountRange = 0...Self.amountMax
}

extension Node {
    /// The link speeds that a problem may bear, in Mbit/s.
    package static let linkMbpsRange = 1...10_000_000

    /// The overcommit percents that a problem may bear.
    package static let overcommitPercentRange = 1...1_000
}

extension Overbook {
    /// The ratios that a problem may bear, in percent.
    package static let ratioPercentRange = 0...1_000_000
}

extension SoftConstraint {
    /// The weights that a problem may bear, in MiB.
    package static let weightRange = 0...1 << 30
    /// What all weights may come to, in MiB: times 2¹⁸ breaches of each this stays within an `Int` of thousandths.
    package static let weightSumMax = 1 << 32
}

extension LoadThresholds {
    /// The overload percents that a problem may bear; above 100 is overcommitment.
    package static let overloadPercentRange = 1...1_000
}

extension FlightCaps {
    /// The caps that a problem may bear.
    package static let range = 1...64
}
