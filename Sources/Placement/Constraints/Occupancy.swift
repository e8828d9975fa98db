package import Basis

/// Which VMs stand on which nodes at one instant, a VM in flight standing on both ends.
///
/// What constraints are judged by. It holds the VMs of the problem and those that are known outside it. What only some
/// kinds of constraints ask for is indexed when the problem has such, and looked for when it has not.
package struct Occupancy: Sendable {
    private var hosts: Mapping
    /// Further nodes of the VMs in flight.
    private var entered: [VMID: [NodeID]] = [:]
    private var residents: [NodeID: [VMID]]?
    /// VMs that are, or have been, elsewhere than at first.
    private var relocated: Set<VMID>?
    private let first: Mapping

    /// Nobody is in flight; VMs outside `problem` are where it says.
    package init(_ mapping: Mapping, of problem: PlacementProblem) {
        self.first = problem.mapping
        self.hosts = mapping
        for (vm, node) in problem.outside.assignments { self.hosts[vm] = node }
        let constraints = problem.constraints + problem.softConstraints.map(\.constraint)
        // Indices by name, which are sorted when they are read.
        if constraints.contains(where: { $0 is Lonely || !$0.nodes.isEmpty && $0.vms.isEmpty }) {
            var residents: [NodeID: [VMID]] = [:]
            self.hosts.forEachInNoOrder { residents[$1, default: []].append($0) }
            self.residents = residents
        }
        if constraints.contains(where: { $0 is Quarantine }) { self.relocated = self.findRelocated() }
    }

    /// The nodes on which `vm` stands: none when it is unknown, several when it is in flight.
    package func nodes(of vm: VMID) -> [NodeID] {
        guard let host = self.hosts[vm] else { return [] }
        guard let entered = self.entered[vm] else { return [host] }
        return [host] + entered
    }

    /// The VMs on `node`, in the order of their ids.
    package func vms(on node: NodeID) -> [VMID] {
        if let residents = self.residents { return (residents[node] ?? []).sorted() }
        let entering = self.entered.filter { $0.value.contains(node) }.map(\.key)
        return (self.hosts.vms(on: node) + entering).sorted()
    }

    /// Every place on which a VM of the problem stands and did not before the plan, in the order of the VMs' ids.
    package var newPlaces: [(vm: VMID, from: NodeID, to: NodeID)] {
        (self.relocated ?? self.findRelocated()).sorted().flatMap { vm -> [(vm: VMID, from: NodeID, to: NodeID)] in
            guard let from = self.first[vm] else { return [] }
            return self.nodes(of: vm).filter { $0 != from }.map { (vm: vm, from: from, to: $0) }
        }
    }

    private func findRelocated() -> Set<VMID> {
        var relocated = Set(self.entered.keys)
        self.hosts.forEachInNoOrder { vm, node in
            if let before = self.first[vm], before != node { relocated.insert(vm) }
        }
        return relocated
    }

    /// `vm` begins to stand on `node`, without leaving where it is.
    package mutating func enter(_ vm: VMID, _ node: NodeID) {
        guard self.hosts[vm] != nil, !self.nodes(of: vm).contains(node) else { return }
        self.entered[vm, default: []].append(node)
        self.residents?[node, default: []].append(vm)
        self.relocated?.insert(vm)
    }

    /// `vm` stands on `node` only.
    package mutating func settle(_ vm: VMID, on node: NodeID) {
        self.enter(vm, node)
        for left in self.nodes(of: vm) where left != node {
            self.residents?[left]?.removeAll { $0 == vm }
        }
        self.entered[vm] = nil
        self.hosts[vm] = node
    }
}
