import Basis
package import Placement

/// Tells of each migration of a plan why it is this VM, why it goes there, and what was against the other nodes.
///
/// It is told from the mapping to which the plan leads: what would be wrong, did this VM alone stand elsewhere. So it
/// holds for any plan, and needs nothing of the search that found it.
package struct PlanExplanation {
    /// For one VM, at most as many nodes with room are held against the constraints: each costs a look at all of them.
    private static let candidatesMax = 8

    private let problem: PlacementProblem
    private let rules: LoadRules
    private let vms: [VMID: VirtualMachine]
    private let nodes: [NodeID: Node]
    private let loadsBefore: [NodeID: Resources]
    private let loadsAfter: [NodeID: Resources]
    private let after: Occupancy
    private let destinations: [VMID: NodeID]
    /// Nodes that host something before the plan.
    private let occupied: Set<NodeID>

    package init(of plan: ReconfigurationPlan, for problem: PlacementProblem) {
        self.problem = problem
        self.rules = LoadRules(problem.constraints)
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let mapping = plan.mapping(after: problem.mapping)
        self.loadsBefore = problem.loads(of: problem.mapping, self.rules)
        self.loadsAfter = problem.loads(of: mapping, self.rules)
        self.after = Occupancy(mapping, of: problem)
        self.destinations = plan.migrations.reduce(into: [:]) { $0[$1.vm] = $1.to }
        self.occupied = Set(problem.mapping.assignments.map(\.node))
    }

    /// The explanation of one migration of the plan, a sentence each.
    package func sentences(on migration: Migration) -> [String] {
        guard let vm = self.vms[migration.vm], let from = self.nodes[migration.from], let to = self.nodes[migration.to]
        else { return ["the snapshot does not know it"] }
        var sentences = ["why \(vm.id): it \(migration.reason); \(self.relief(of: from, by: vm))"]
        guard self.destinations[vm.id] == to.id else {
            return sentences + ["why \(to.id): for a while only, there is memory for it meanwhile"]
        }
        sentences.append("why \(to.id): \(self.fill(of: to))")
        sentences.append("not elsewhere: \(self.objections(to: vm, from: from.id, to: to.id).joined(separator: "; "))")
        return sentences
    }

    /// What it is at the node that is left before and after the plan.
    private func relief(of node: Node, by vm: VirtualMachine) -> String {
        let before = self.loadsBefore[node.id] ?? .zero
        let after = self.loadsAfter[node.id] ?? .zero
        let demand = self.rules.demand(of: vm)
        let resource =
            self.overloads(of: node, under: before).map(\.resource).first { demand[$0] > 0 }
            ?? (demand.cpuMillicores > 0 ? .cpu : .memory)
        return "\(node.id) goes from \(before[resource]) to \(after[resource]) \(resource.unit) of \(resource)"
            + (self.limit(of: node, resource).map { " and may give \($0)" } ?? "")
    }

    private func fill(of node: Node) -> String {
        let after = self.loadsAfter[node.id] ?? .zero
        let parts = Resource.allCases.compactMap { resource -> String? in
            guard let limit = self.limit(of: node, resource) else { return nil }
            return "\(after[resource]) of \(limit) \(resource.unit) of \(resource)"
        }
        return "with the whole plan done, \(parts.joined(separator: " and ")) are asked for"
    }

    // MARK: - The other nodes

    /// What speaks against the other nodes, those alike together.
    private func objections(to vm: VirtualMachine, from: NodeID, to: NodeID) -> [String] {
        var (closed, full) = (0, 0)
        var roomy: [NodeID] = []
        var nearest: (node: NodeID, overload: Overload)?
        for node in self.problem.nodes where node.id != to && node.id != from {
            guard self.problem.policy.mayReceive(node, vmCount: self.occupied.contains(node.id) ? 1 : 0) else {
                closed += 1
                continue
            }
            let load = (self.loadsAfter[node.id] ?? .zero) + self.rules.demand(of: vm)
            guard let worst = self.overloads(of: node, under: load).max(by: { $0.excessPermille < $1.excessPermille })
            else {
                roomy.append(node.id)
                continue
            }
            full += 1
            if nearest.map({ worst.excessPermille < $0.overload.excessPermille }) ?? true { nearest = (node.id, worst) }
        }
        var objections: [String] = []
        if let nearest {
            let missing = nearest.overload.load - nearest.overload.limit
            objections.append(
                "no room on \(full) other \(full == 1 ? "node" : "nodes"), the nearest \(nearest.node) lacks \(missing)"
                    + " \(nearest.overload.resource.unit) of \(nearest.overload.resource)")
        }
        objections += self.constraintObjections(to: vm, on: roomy, rather: to)
        if closed > 0 { objections.append("\(closed) \(closed == 1 ? "node takes" : "nodes take") no VMs") }
        return objections.isEmpty ? ["there is no other node"] : objections
    }

    /// Which of the nodes with room would break a constraint, and how many would do as well.
    private func constraintObjections(to vm: VirtualMachine, on roomy: [NodeID], rather to: NodeID) -> [String] {
        let concerned = self.problem.constraints.filter { constraint in
            !constraint.isPartOfLoad
                && (constraint.vms.isEmpty || constraint.vms.contains(vm.id) || constraint is Lonely)
        }
        guard !concerned.isEmpty else {
            return roomy.isEmpty ? [] : ["\(Self.count(roomy.count)) would do as well"]
        }
        var objections: [String] = []
        var alike = 0
        let held = concerned.map { $0.breaches(in: self.after, of: self.problem).count }
        for node in roomy.prefix(Self.candidatesMax) {
            var elsewhere = self.after
            elsewhere.settle(vm.id, on: node)
            let broken = zip(concerned, held).first { constraint, held in
                constraint.breaches(in: elsewhere, of: self.problem).count > held
            }
            if let broken { objections.append("on \(node) it would break \(broken.0)") } else { alike += 1 }
        }
        if alike > 0 { objections.append("\(Self.count(alike)) would do as well") }
        if roomy.count > Self.candidatesMax {
            objections.append("\(Self.count(roomy.count - Self.candidatesMax)) with room not looked at")
        }
        return objections
    }

    private static func count(_ nodes: Int) -> String { "\(nodes) other \(nodes == 1 ? "node" : "nodes")" }

    private func overloads(of node: Node, under load: Resources) -> [Overload] {
        node.overloads(under: load, self.problem.thresholds(of: node.id), booking: self.rules.booking(of: node.id))
    }

    private func limit(of node: Node, _ resource: Resource) -> Int? {
        node.limit(resource, self.problem.thresholds(of: node.id), booking: self.rules.booking(of: node.id))
    }
}

extension PlacementProblem {
    /// The sum of the demands by node.
    func loads(of mapping: Mapping, _ rules: LoadRules) -> [NodeID: Resources] {
        self.vms.reduce(into: [:]) { loads, vm in
            if let node = mapping[vm.id] { loads[node, default: .zero] += rules.demand(of: vm) }
        }
    }
}
