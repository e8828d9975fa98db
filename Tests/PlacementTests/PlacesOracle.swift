import Basis
import Placement

/// What a problem means, told a third time, in sets of bits: quick enough to look at every mapping of small problems.
///
/// It shares nothing with the solver, nor with how constraints judge by names; ``PlacesOracleTests`` hold it against
/// the latter.
struct PlacesOracle {
    /// The VMs on each node, one bit each; a VM in flight is on two.
    typealias Places = [UInt32]

    struct Rule {
        var constraint: any PlacementConstraint
        var breaches: (Places) -> Int
        /// Breaches that VMs outside the problem make among themselves.
        var outside: Int

        func count(_ places: Places) -> Int { self.breaches(places) - self.outside }
    }

    let problem: PlacementProblem
    /// Those of the problem first.
    let nodes: [NodeID]
    let vms: [VMID]
    let origin: [Int]
    let outside: Places
    private(set) var hard: [Rule] = []
    private(set) var continuous: [Rule] = []
    private(set) var soft: [(rule: Rule, weight: Int)] = []
    private let demands: [SIMD4<Int>]
    private let limits: [SIMD4<Int>]
    private let memory: [Int]

    private static let unlimited = 1 << 60

    init(_ problem: PlacementProblem) {
        self.problem = problem
        let outsiders = problem.outside.assignments
        let known = problem.nodes.map(\.id)
        let nodes = known + Set(outsiders.map(\.node)).subtracting(known).sorted()
        let vms = problem.vms.map(\.id) + outsiders.map(\.vm)
        self.nodes = nodes
        self.vms = vms
        // Safe because the problem has no defects.
        self.origin = problem.vms.map { vm in nodes.firstIndex(of: problem.mapping[vm.id]!)! }
        var outside = Places(repeating: 0, count: nodes.count)
        for (index, outsider) in outsiders.enumerated() {
            outside[nodes.firstIndex(of: outsider.node)!] |= 1 << UInt32(problem.vms.count + index)
        }
        self.outside = outside
        self.demands = problem.vms.map { vm in
            var demand = SIMD4<Int>(
                vm.demand.cpuMillicores, vm.demand.memoryMiB, vm.demand.diskKiBPerSecond,
                vm.demand.networkKiBPerSecond)
            for case let preserve as Preserve in problem.constraints where preserve.vms.contains(vm.id) {
                demand[preserve.resource.rawValue] = max(demand[preserve.resource.rawValue], preserve.amount)
            }
            return demand
        }
        var limits: [SIMD4<Int>] = []
        var memory: [Int] = []
        for node in problem.nodes {
            var limit = SIMD4<Int>(repeating: Self.unlimited)
            for resource in Resource.allCases {
                let base = node.capacity[resource] - node.reserved[resource]
                if node.capacity[resource] == 0, resource == .disk || resource == .network { continue }
                let ratio = problem.constraints.compactMap { constraint -> Int? in
                    guard let overbook = constraint as? Overbook, overbook.resource == resource,
                        overbook.nodes.contains(node.id)
                    else { return nil }
                    return overbook.ratioPercent
                }.min()
                let usable = base * min(node.overcommitPercent[resource], ratio ?? .max) / 100
                let percent = problem.thresholds(of: node.id).overloadPercent
                limit[resource.rawValue] = usable * (resource == .memory ? min(percent, 100) : percent) / 100
                if let ratio { limit[resource.rawValue] = min(limit[resource.rawValue], base * ratio / 100) }
                if resource == .memory { memory.append(usable) }
            }
            limits.append(limit)
        }
        self.limits = limits
        self.memory = memory
        for constraint in problem.constraints where !(constraint is Preserve) && !(constraint is Overbook) {
            let rule = self.rule(constraint)
            self.hard.append(rule)
            if constraint.isContinuous { self.continuous.append(rule) }
        }
        self.soft = problem.softConstraints.map { (self.rule($0.constraint), $0.weight * 1_000) }
    }

    /// Where everything is when the VMs of the problem are on `hosts`.
    func places(_ hosts: [Int]) -> Places {
        var places = self.outside
        for (vm, node) in hosts.enumerated() { places[node] |= 1 << UInt32(vm) }
        return places
    }

    /// What is asked of each node of the problem.
    func loads(_ places: Places) -> [SIMD4<Int>] {
        self.problem.nodes.indices.map { node in
            self.demands.indices.reduce(into: .zero) { load, vm in
                if places[node] & 1 << UInt32(vm) != 0 { load &+= self.demands[vm] }
            }
        }
    }

    func isViable(_ places: Places) -> Bool {
        let loads = self.loads(places)
        for (index, node) in self.problem.nodes.enumerated() {
            let isEmptied: Bool
            switch self.problem.policy {
            case .repair: isEmptied = node.state == .draining
            case .evacuate(let emptied): isEmptied = node.state == .draining || node.id == emptied
            }
            if isEmptied, places[index] & ~self.outside[index] != 0 { return false }
            if node.state != .offline, any(loads[index] .> self.limits[index]) { return false }
        }
        return self.hard.allSatisfy { $0.count(places) == 0 }
    }

    func softCost(_ places: Places) -> Int { self.soft.reduce(0) { $0 + $1.weight * $1.rule.count(places) } }

    /// Whether `vm`, which is on `from` only, may be sent to `to`, as far as nodes and the VM itself go.
    func mayBeSent(_ vm: Int, from: Int, to: Int) -> Bool {
        guard to < self.problem.nodes.count, from != to, self.problem.vms[vm].migratability == .migratable,
            self.problem.nodes[to].state == .active, self.problem.nodes[from].state != .offline
        else { return false }
        if case .evacuate(let emptied) = self.problem.policy {
            return self.nodes[to] != emptied && self.origin.contains(to)
        }
        return true
    }

    /// Whether `during`, when VMs have arrived that were not there `before`, is a bearable instant.
    func isBearable(_ during: Places, before: Places) -> Bool {
        let entered = self.problem.nodes.indices.filter { during[$0] & ~before[$0] != 0 }
        for node in entered {
            var (held, arrives) = (0, false)
            for vm in self.demands.indices where during[node] & 1 << UInt32(vm) != 0 {
                held += self.demands[vm][1]
                arrives = arrives || before[node] & 1 << UInt32(vm) == 0 && self.demands[vm][1] > 0
            }
            if arrives, held > self.memory[node] { return false }
        }
        return self.continuous.allSatisfy { $0.count(during) <= $0.count(before) }
    }
}

// The constraints in bits.
extension PlacesOracle {
    private func rule(_ constraint: any PlacementConstraint) -> Rule {
        let breaches = self.meaning(constraint)
        return Rule(constraint: constraint, breaches: breaches, outside: breaches(self.outside))
    }

    private func bits(_ vms: [VMID]) -> UInt32 {
        vms.compactMap { self.vms.firstIndex(of: $0) }.reduce(0) { $0 | 1 << UInt32($1) }
    }

    private func listed(_ nodes: [NodeID]) -> [Bool] { self.nodes.map { nodes.contains($0) } }

    private func over(_ count: Int, _ limit: Int) -> Int { max(count - limit, 0) }

    private func meaning(_ constraint: any PlacementConstraint) -> (Places) -> Int {
        switch constraint {
        case let spread as Spread:
            let vms = self.bits(spread.vms)
            return { $0.reduce(0) { $0 + self.over(($1 & vms).nonzeroBitCount, 1) } }
        case let gather as Gather:
            let vms = self.bits(gather.vms)
            return { self.over($0.count { $0 & vms != 0 }, 1) }
        case let fence as Fence:
            let (vms, inside) = (self.bits(fence.vms), self.listed(fence.nodes))
            return { zip($0, inside).reduce(0) { $0 + ($1.1 ? 0 : ($1.0 & vms).nonzeroBitCount) } }
        case let ban as Ban:
            let (vms, banned) = (self.bits(ban.vms), self.listed(ban.nodes))
            return { zip($0, banned).reduce(0) { $0 + ($1.1 ? ($1.0 & vms).nonzeroBitCount : 0) } }
        case let root as Root:
            let vms = self.bits(root.vms)
            return { places in
                self.strangers(places).reduce(0) { $0 + ($1.bits & vms).nonzeroBitCount }
            }
        case let quarantine as Quarantine:
            let sealed = self.listed(quarantine.nodes)
            let residents = self.origin.enumerated().reduce(UInt32(0)) {
                sealed[$1.element] ? $0 | 1 << UInt32($1.offset) : $0
            }
            return { places in
                self.strangers(places).reduce(0) {
                    $0 + (sealed[$1.node] ? $1.bits : $1.bits & residents).nonzeroBitCount
                }
            }
        default: return self.meaningOfGroups(constraint)
        }
    }

    /// The VMs of the problem that are on each node and were not there at first.
    private func strangers(_ places: Places) -> [(node: Int, bits: UInt32)] {
        let first = self.places(self.origin)
        return places.indices.map { ($0, places[$0] & ~first[$0]) }
    }

    private func meaningOfGroups(_ constraint: any PlacementConstraint) -> (Places) -> Int {
        switch constraint {
        case let among as Among:
            return self.grid([among.vms], among.groups, rows: true, columns: false)
        case let split as Split:
            return self.grid(split.groups, self.nodes.map { [$0] }, rows: false, columns: true)
        case let both as SplitAmong:
            return self.grid(both.vmGroups, both.nodeGroups, rows: true, columns: true)
        case let lonely as Lonely:
            let vms = self.bits(lonely.vms)
            return { $0.count { $0 & vms != 0 && $0 & ~vms != 0 } }
        case let online as MaxOnline:
            let listed = self.listed(online.nodes)
            return { places in
                self.over(places.indices.count { listed[$0] && places[$0] != 0 }, online.limit)
            }
        case let capacity as RunningCapacity:
            let listed = self.listed(capacity.nodes)
            return { places in
                let count = places.indices.reduce(0) { $0 + (listed[$1] ? places[$1].nonzeroBitCount : 0) }
                return self.over(count, capacity.limit)
            }
        case let preserve as Preserve:
            let inside = UInt32(1) << UInt32(self.problem.vms.count) - 1
            let (vms, resource) = (self.bits(preserve.vms) & inside, preserve.resource.rawValue)
            return { places in
                self.problem.nodes.indices.count { node in
                    var load = self.loads(places)[node][resource]
                    for vm in self.demands.indices where places[node] & vms & 1 << UInt32(vm) != 0 {
                        load += max(preserve.amount - self.demands[vm][resource], 0)
                    }
                    return places[node] & vms != 0 && self.problem.nodes[node].state != .offline
                        && load > self.limits[node][resource]
                }
            }
        case let overbook as Overbook:
            let (listed, resource) = (self.listed(overbook.nodes), overbook.resource)
            return { places in
                self.problem.nodes.indices.count { index in
                    let node = self.problem.nodes[index]
                    let isUnlimited = node.capacity[resource] == 0 && (resource == .disk || resource == .network)
                    let all = node.capacity[resource] - node.reserved[resource]
                    return listed[index] && node.state != .offline && !isUnlimited && places[index] != 0
                        && self.loads(places)[index][resource.rawValue] > all * overbook.ratioPercent / 100
                }
            }
        default: preconditionFailure("the oracle does not know \(constraint)")
        }
    }

    /// Which group of VMs is in which group of nodes: crosses in a grid, too many in a row or a column, or beside it.
    private func grid(
        _ vmGroups: [[VMID]], _ nodeGroups: [[NodeID]], rows: Bool, columns: Bool
    ) -> (Places) -> Int {
        let vms = vmGroups.map(self.bits)
        let nodes = nodeGroups.map(self.listed)
        let strays = self.nodes.indices.map { node in !nodes.contains { $0[node] } }
        return { places in
            let crosses = vms.map { vms in
                nodes.map { nodes in places.indices.contains { nodes[$0] && places[$0] & vms != 0 } }
            }
            var count = places.indices.reduce(0) { count, node in
                strays[node] ? count + vms.reduce(0) { $0 + ($1 & places[node]).nonzeroBitCount } : count
            }
            if rows { count += crosses.reduce(0) { $0 + self.over($1.count { $0 }, 1) } }
            if columns {
                for column in nodes.indices { count += self.over(crosses.count { $0[column] }, 1) }
            }
            return count
        }
    }
}
