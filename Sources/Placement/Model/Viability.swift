package import Basis

/// Whether a mapping is viable, and if not, everything that is wrong with it.
///
/// This is the definition: the solver has a faster form of its own, and tests compare the two. A mapping is viable
/// when no resource of any node is overloaded, no VM is left on a node that is to be emptied, and every hard constraint
/// holds. An offline node is not judged: nothing can be moved from it, so nothing here could mend it.
package struct Viability: Hashable, Sendable {
    /// In the order of the nodes' ids, then of ``Resource``.
    package let overloads: [Overload]
    /// VMs on nodes that are to be emptied, in the order of their ids.
    package let stranded: [StrandedVM]
    /// In the order of the problem's constraints.
    package let breaches: [ConstraintBreach]
    /// What the breaches of soft constraints cost, in the unit of ``MigrationCost/weight``; no part of viability.
    package let softCost: Int

    package var isViable: Bool { self.overloads.isEmpty && self.stranded.isEmpty && self.breaches.isEmpty }

    package var violation: ViolationMeasure {
        ViolationMeasure(
            excessPermille: self.overloads.reduce(0) { $0 + $1.excessPermille },
            strandedVMs: self.stranded.count, brokenConstraints: self.breaches.count)
    }

    /// Judges `mapping`, which is where a plan for `problem` leads, or where it starts.
    package init(of mapping: Mapping, in problem: PlacementProblem) {
        let nodes = problem.nodes.sorted { $0.id < $1.id }
        let rules = LoadRules(problem.constraints)
        var loads: [NodeID: Resources] = [:]
        for vm in problem.vms {
            if let node = mapping[vm.id] { loads[node, default: .zero] += rules.demand(of: vm) }
        }
        self.overloads = nodes.filter { $0.state != .offline }.flatMap { node in
            node.overloads(
                under: loads[node.id] ?? .zero, problem.thresholds(of: node.id), booking: rules.booking(of: node.id))
        }
        let emptied = Set(nodes.filter { problem.policy.empties($0) }.map(\.id))
        self.stranded = problem.vms.compactMap { vm in
            guard let node = mapping[vm.id], emptied.contains(node) else { return nil }
            return StrandedVM(vm: vm.id, node: node)
        }.sorted { $0.vm < $1.vm }
        let hard = problem.constraints.filter { !$0.isPartOfLoad }
        if hard.isEmpty && problem.softConstraints.isEmpty {
            (self.breaches, self.softCost) = ([], 0)
            return
        }
        let occupancy = Occupancy(mapping, of: problem)
        self.breaches = hard.flatMap { $0.ownBreaches(in: occupancy, of: problem) }
        self.softCost = problem.softConstraints.reduce(0) { cost, soft in
            cost + soft.costPerBreach * soft.constraint.ownBreaches(in: occupancy, of: problem).count
        }
    }

    /// Judges the mapping that the problem starts with.
    package init(of problem: PlacementProblem) {
        self.init(of: problem.mapping, in: problem)
    }
}

/// A VM on a node that is to be emptied.
package struct StrandedVM: Hashable, Sendable {
    package var vm: VMID
    package var node: NodeID

    package init(vm: VMID, node: NodeID) {
        self.vm = vm
        self.node = node
    }
}

/// How far a mapping is from viable; zero exactly when it is viable.
///
/// Ordered by ``total``, in which a stranded VM and a broken constraint weigh as much as an excess of one whole node.
package struct ViolationMeasure: Hashable, Comparable, Sendable {
    /// What a stranded VM and a broken constraint weigh, in permille of a node's capacity.
    package static let defectPermille = 1_000

    /// The sum of all overloads, each in thousandths of what the node may give of that resource.
    package var excessPermille: Int
    package var strandedVMs: Int
    package var brokenConstraints: Int

    package init(excessPermille: Int, strandedVMs: Int, brokenConstraints: Int) {
        self.excessPermille = excessPermille
        self.strandedVMs = strandedVMs
        self.brokenConstraints = brokenConstraints
    }

    /// In permille of a node's capacity.
    package var total: Int {
        self.excessPermille + Self.defectPermille * (self.strandedVMs + self.brokenConstraints)
    }

    package static func < (left: ViolationMeasure, right: ViolationMeasure) -> Bool { left.total < right.total }
}
