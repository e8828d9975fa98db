import Basis

/// Constraints that no mapping at all can satisfy together, as far as that can be told without a search.
package struct Contradiction: Hashable, Sendable, CustomStringConvertible {
    /// Positions in ``PlacementProblem/constraints``, ascending.
    package var constraints: [Int]
    /// What is the matter, in words.
    package var reason: String

    package init(constraints: [Int], reason: String) {
        self.constraints = constraints
        self.reason = reason
    }

    package var description: String { self.reason }
}

extension PlacementProblem {
    /// What hard constraints cannot be satisfied together, whatever is moved; a problem without defects is asked.
    ///
    /// Quick and therefore not complete: that it is empty does not mean that there is a viable mapping.
    package var contradictions: [Contradiction] { ContradictionSearch(self).found }
}

/// Collects contradictions. What it reasons with is where single VMs may be at all.
private struct ContradictionSearch {
    /// Where a VM may be, and which constraints leave it no more.
    private struct Room {
        var nodes: NodeSet
        var because: [Int]
    }

    private let problem: PlacementProblem
    private let nodes: [NodeID]
    private let nodeIndex: [NodeID: Int]
    private let everywhere: NodeSet
    private let vms: [VMID: VirtualMachine]
    /// VMs whose room is narrower than everywhere.
    private var rooms: [VMID: Room] = [:]
    private(set) var found: [Contradiction] = []

    init(_ problem: PlacementProblem) {
        self.problem = problem
        let known = problem.nodes.map(\.id)
        // What is known outside may be named and takes part in what is shared; it takes nobody.
        let beyond = Set(problem.outside.assignments.map(\.node)).subtracting(known).sorted()
        self.nodes = known + beyond
        self.nodeIndex = Dictionary(self.nodes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var everywhere = NodeSet(universe: self.nodes.count)
        for node in known.indices { everywhere.insert(node) }
        self.everywhere = everywhere
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        guard !problem.constraints.isEmpty else { return }
        self.findRooms()
        for (index, constraint) in problem.constraints.enumerated() { self.examine(constraint, index) }
    }

    private mutating func add(_ constraints: [Int], _ reason: String) {
        let contradiction = Contradiction(constraints: Set(constraints).sorted(), reason: reason)
        if !self.found.contains(contradiction) { self.found.append(contradiction) }
    }

    private func set(of nodes: some Sequence<NodeID>) -> NodeSet {
        nodes.reduce(into: NodeSet(universe: self.nodes.count)) { set, node in
            if let index = self.nodeIndex[node] { set.insert(index) }
        }
    }

    private func room(of vm: VMID) -> Room {
        if let node = self.problem.outside[vm] { return Room(nodes: self.set(of: [node]), because: []) }
        return self.rooms[vm] ?? Room(nodes: self.everywhere, because: [])
    }

    private func isConcerned(_ vm: VMID) -> Bool { self.vms[vm] != nil || self.problem.outside[vm] != nil }
}

// Where single VMs may be.
extension ContradictionSearch {
    private mutating func findRooms() {
        for vm in self.problem.vms where vm.migratability != .migratable {
            self.narrow(vm.id, to: self.home(of: vm.id), nil)
        }
        for (index, constraint) in self.problem.constraints.enumerated() {
            switch constraint {
            case let fence as Fence:
                let inside = self.set(of: fence.nodes)
                for vm in fence.vms { self.narrow(vm, to: inside, index) }
            case let ban as Ban:
                var allowed = self.everywhere
                allowed.subtract(self.set(of: ban.nodes))
                for vm in ban.vms { self.narrow(vm, to: allowed, index) }
            case let root as Root:
                for vm in root.vms { self.narrow(vm, to: self.home(of: vm), index) }
            case let quarantine as Quarantine: self.narrow(quarantine, index)
            default: break
            }
        }
        for (vm, room) in self.rooms.sorted(by: { $0.key < $1.key }) where room.nodes.isEmpty {
            self.add(room.because, "\(self.told(room.because)) leave no node for \(vm)")
        }
    }

    private func home(of vm: VMID) -> NodeSet { self.set(of: [self.problem.mapping[vm]].compactMap { $0 }) }

    private mutating func narrow(_ quarantine: Quarantine, _ index: Int) {
        let sealed = Set(quarantine.nodes)
        for vm in self.problem.vms {
            guard let home = self.problem.mapping[vm.id], sealed.contains(home) else { continue }
            self.narrow(vm.id, to: self.set(of: [home]), index)
        }
    }

    private mutating func narrow(_ vm: VMID, to nodes: NodeSet, _ index: Int?) {
        guard self.vms[vm] != nil else { return }
        var room = self.room(of: vm)
        // What is empty already is contradicted by what made it so, not by what comes after.
        guard !room.nodes.isEmpty else { return }
        let before = room.nodes
        room.nodes.formIntersection(nodes)
        guard room.nodes != before else { return }
        if let index { room.because.append(index) }
        self.rooms[vm] = room
    }

    private func told(_ constraints: [Int]) -> String {
        Set(constraints).sorted().map { self.problem.constraints[$0].description }.joined(separator: " and ")
    }
}

// What several VMs share.
extension ContradictionSearch {
    private mutating func examine(_ constraint: any PlacementConstraint, _ index: Int) {
        switch constraint {
        case let spread as Spread: self.examine(spread, index)
        case let gather as Gather: self.examine(gather, index)
        case let among as Among: self.examine(among, index)
        case let split as Split: self.examineOverlap(split.groups, index)
        case let both as SplitAmong: self.examine(both, index)
        case let online as MaxOnline: self.examine(online, index)
        case let capacity as RunningCapacity: self.examine(capacity, index)
        case let preserve as Preserve: self.examine(preserve, index)
        default: break
        }
    }

    private mutating func examine(_ spread: Spread, _ index: Int) {
        let vms = spread.vms.filter { self.vms[$0] != nil }
        var nodes = NodeSet(universe: self.nodes.count)
        var because = [index]
        for vm in vms {
            let room = self.room(of: vm)
            nodes.formUnion(room.nodes)
            because += room.because
        }
        if nodes.count < vms.count {
            self.add(because, "\(self.told(because)): \(vms.count) VMs are to be on as many of \(nodes.count) nodes")
        }
    }

    private mutating func examine(_ gather: Gather, _ index: Int) {
        let vms = gather.vms.filter(self.isConcerned)
        guard vms.contains(where: { self.vms[$0] != nil }) else { return }
        var (nodes, because) = (Room(nodes: self.everywhere, because: [index]).nodes, [index])
        if let outside = vms.first(where: { self.vms[$0] == nil }) { nodes = self.room(of: outside).nodes }
        for vm in vms {
            let room = self.room(of: vm)
            nodes.formIntersection(room.nodes)
            because += room.because
        }
        if nodes.isEmpty { self.add(because, "\(self.told(because)): these VMs have no node in common") }
        let members = Set(vms)
        for (other, constraint) in self.problem.constraints.enumerated() {
            let apart: [VMID]
            switch constraint {
            case let spread as Spread: apart = spread.vms.filter(members.contains)
            case let split as Split:
                apart = split.groups.compactMap { $0.first(where: members.contains) }
            default: continue
            }
            if Set(apart).count > 1, apart.contains(where: { self.vms[$0] != nil }) {
                self.add([index, other], "\(listed(apart)) are to be together and apart: \(self.told([index, other]))")
            }
        }
    }

    private mutating func examine(_ among: Among, _ index: Int) {
        self.examineOverlap(among.groups, index)
        let vms = among.vms.filter { self.vms[$0] != nil }
        guard !vms.isEmpty else { return }
        let rooms = vms.map(self.room(of:))
        let isPossible = among.groups.contains { group in
            let nodes = self.set(of: group)
            return rooms.allSatisfy { !$0.nodes.isDisjoint(with: nodes) }
        }
        if !isPossible {
            let because = [index] + rooms.flatMap(\.because)
            self.add(because, "\(self.told(because)): no group has a node for each of \(listed(vms))")
        }
    }

    private mutating func examine(_ both: SplitAmong, _ index: Int) {
        self.examineOverlap(both.vmGroups, index)
        self.examineOverlap(both.nodeGroups, index)
        let vmGroups = both.vmGroups.count { $0.contains { self.vms[$0] != nil } }
        let nodeGroups = both.nodeGroups.count { !self.set(of: $0).isDisjoint(with: self.everywhere) }
        if vmGroups > nodeGroups {
            self.add(
                [index], "\(both): \(vmGroups) groups of VMs are to be in as many of \(nodeGroups) groups of nodes")
        }
    }

    private mutating func examineOverlap(_ groups: [[some Hashable & CustomStringConvertible]], _ index: Int) {
        var seen: Set<AnyHashable> = []
        for element in groups.flatMap({ $0 }) where !seen.insert(AnyHashable(element)).inserted {
            self.add([index], "\(self.problem.constraints[index]) has \(element) in two groups")
        }
    }

    private mutating func examine(_ online: MaxOnline, _ index: Int) {
        let listed = self.set(of: online.nodes)
        var (held, because) = (NodeSet(universe: self.nodes.count), [index])
        for (_, room) in self.rooms.sorted(by: { $0.key < $1.key }) where room.nodes.count == 1 {
            guard !room.nodes.isDisjoint(with: listed), held.isDisjoint(with: room.nodes) else { continue }
            held.formUnion(room.nodes)
            because += room.because
        }
        if held.count > online.limit {
            self.add(because, "\(self.told(because)): \(held.count) of these nodes have VMs that cannot be elsewhere")
        }
    }

    private mutating func examine(_ capacity: RunningCapacity, _ index: Int) {
        let listed = self.set(of: capacity.nodes)
        let bound = self.rooms.sorted { $0.key < $1.key }.filter { _, room in
            var rest = room.nodes
            rest.subtract(listed)
            return rest.isEmpty && !room.nodes.isEmpty
        }
        let free = self.problem.vms.count - self.rooms.count
        let isEverywhere = self.everywhere.isSubset(of: listed)
        let count = bound.count + (isEverywhere ? free : 0)
        if count > capacity.limit {
            let because = [index] + bound.flatMap(\.value.because)
            self.add(because, "\(self.told(because)): \(count) VMs cannot be elsewhere")
        }
    }

    private mutating func examine(_ preserve: Preserve, _ index: Int) {
        let rules = LoadRules(self.problem.constraints)
        for vm in preserve.vms where self.vms[vm] != nil {
            let room = self.room(of: vm)
            let isPossible = self.problem.nodes.indices.contains { node in
                let machine = self.problem.nodes[node]
                guard room.nodes.contains(node), machine.state != .offline else { return room.nodes.contains(node) }
                let limit = machine.limit(
                    preserve.resource, self.problem.thresholds(of: machine.id), booking: rules.booking(of: machine.id))
                return limit.map { $0 >= preserve.amount } ?? true
            }
            if !isPossible, !room.nodes.isEmpty {
                let because = [index] + room.because
                self.add(because, "\(self.told(because)): no node for \(vm) may give so much")
            }
        }
    }
}
