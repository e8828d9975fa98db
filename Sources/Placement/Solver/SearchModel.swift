import Basis

/// Amounts of the four resources, indexed by ``Resource/rawValue``.
typealias Amounts = SIMD4<Int>

/// A placement problem as the search sees it: nodes and VMs are indices in the order of their ids, so that the order
/// of the input does not show, and everything that does not change during a search is computed once.
///
/// A class, though it never changes: every search holds it, and copying the value would count a reference per array.
final class SearchModel: Sendable {
    /// Stands for "not limited"; no sum of demands comes near it.
    static let unlimited = 1 << 61

    let nodes: [Node]
    let vms: [VirtualMachine]
    let policy: PlacementPolicy
    let flightCaps: FlightCaps
    let costWeights: CostWeights

    // By VM.
    let origin: [Int]
    let demand: [Amounts]
    let outlook: [CPUOutlook]
    /// Why a VM cannot be moved; nil when it can.
    let immovability: [Immovability?]
    /// How many defects end when the VM leaves its first node: that node is to be emptied, or is forbidden to it.
    let mustLeave: [Int]
    /// A constraint, in words, that forbids a VM its first node; nil when there is none.
    let forbiddenBy: [String?]
    /// The nodes a VM may be moved to, as an index into ``domains``.
    let domainOf: [Int]
    /// The nodes a VM may be moved to on its way, as an index into ``domains``.
    let transitOf: [Int]
    /// The least that one hop of the VM can weigh.
    let leastHopWeight: [Int]
    /// VMs with the same number are interchangeable; -1 for VMs that are like no other.
    let twinClass: [Int]

    // By node.
    let limit: [Amounts]
    let usable: [Amounts]
    let emptied: [Bool]
    let residents: [[Int]]

    let domains: [Domain]
    /// The constraints that bind VMs to others or to numbers, and all soft ones.
    let book: RuleBook
    /// By VM: whether any of these can have to do with where it is.
    let concernedByRules: [Bool]
    let covers: CoverOrders
    private let uniformLink: Bool

    /// Nodes that a VM may be moved to.
    struct Domain: Sendable {
        var set: NodeSet
        var members: [Int]
    }

    init(_ problem: PlacementProblem) {
        let nodes = problem.nodes.sorted { $0.id < $1.id }
        let vms = problem.vms.sorted { $0.id < $1.id }
        let nodeIndex = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
        let origin = vms.map { vm in
            guard let node = problem.mapping[vm.id], let index = nodeIndex[node] else {
                preconditionFailure("a problem without defects maps \(vm.id) to one of its nodes")
            }
            return index
        }
        var residents: [[Int]] = Array(repeating: [], count: nodes.count)
        for vm in vms.indices { residents[origin[vm]].append(vm) }

        self.nodes = nodes
        self.vms = vms
        self.origin = origin
        self.residents = residents
        self.policy = problem.policy
        self.flightCaps = problem.flightCaps
        self.costWeights = problem.costWeights
        let emptied = nodes.map { problem.policy.empties($0) }
        self.emptied = emptied

        var rules = CompiledRules(problem, nodes: nodes, vms: vms, origin: origin, residents: residents)
        rules.internDomains()
        let book = rules.book
        self.book = book
        self.concernedByRules = vms.indices.map(book.concerns)
        self.immovability = rules.immovability
        self.domains = rules.domains
        self.domainOf = rules.domainOf
        self.transitOf = rules.transitOf
        self.forbiddenBy = rules.forbiddenBy
        let demand = rules.demand.map { demand in Amounts(Resource.allCases.map { demand[$0] }) }
        self.demand = demand
        self.outlook = CPUOutlook.of(
            vms, demands: demand.map { $0[Resource.cpu.rawValue] },
            persistencePercent: problem.demandPersistencePercent)
        self.limit = nodes.indices.map { index in
            let (node, booking) = (nodes[index], rules.booking[index])
            return Amounts(
                Resource.allCases.map { resource in
                    guard node.state != .offline else { return Self.unlimited }
                    return node.limit(resource, problem.thresholds(of: node.id), booking: booking) ?? Self.unlimited
                })
        }
        self.usable = nodes.indices.map { index in
            Amounts(
                Resource.allCases.map { nodes[index].usable($0, booking: rules.booking[index]) ?? Self.unlimited })
        }
        self.mustLeave = vms.indices.map { rules.forbidden[$0] + (emptied[origin[$0]] ? 1 : 0) }

        self.uniformLink = nodes.allSatisfy { $0.linkMbps == nodes[0].linkMbps }
        let bestLink = rules.domains.map { domain in domain.members.map { nodes[$0].linkMbps }.max() ?? 1 }
        let leastHopWeight = vms.indices.map { vm in
            let link = min(nodes[origin[vm]].linkMbps, bestLink[rules.domainOf[vm]])
            return MigrationCost(of: vms[vm], linkMbps: link, problem.costWeights).weight
        }
        self.leastHopWeight = leastHopWeight
        self.covers = CoverOrders(residents: residents, demand: demand, weight: leastHopWeight)
        self.twinClass = rules.twinClasses()
    }

    /// What one hop of `vm` weighs.
    func hopWeight(_ vm: Int, from: Int, to: Int) -> Int {
        self.uniformLink
            ? self.leastHopWeight[vm]
            : self.hopCost(of: vm, over: min(self.nodes[from].linkMbps, self.nodes[to].linkMbps)).weight
    }

    /// What one hop of `vm` costs over a link.
    func hopCost(of vm: Int, over linkMbps: Int) -> MigrationCost {
        MigrationCost(of: self.vms[vm], linkMbps: linkMbps, self.costWeights)
    }

    /// The least that moving `vm` once costs.
    func leastHopCost(_ vm: Int) -> MigrationCost {
        MigrationCost(weight: self.leastHopWeight[vm], migrations: 1)
    }

    func isMovable(_ vm: Int) -> Bool { self.immovability[vm] == nil }

    func domain(of vm: Int) -> [Int] { self.domains[self.domainOf[vm]].members }

    /// The nodes that `vm` may be moved to at all, be it on its way to another.
    func transit(of vm: Int) -> [Int] { self.domains[self.transitOf[vm]].members }

    /// Whether `vm` may be moved at all, be it only to step aside.
    func mayStepAside(_ vm: Int) -> Bool {
        switch self.immovability[vm] {
        case nil: true
        case .nowhereAllowed: self.transit(of: vm).contains { $0 != self.origin[vm] }
        case .rooted, .nodeOffline: false
        }
    }

    /// Whether `vm` may be left on `node`, as far as that concerns it alone.
    func mayStay(_ vm: Int, on node: Int) -> Bool {
        node == self.origin[vm] || self.domains[self.domainOf[vm]].set.contains(node)
    }

    func mayMove(_ vm: Int, to node: Int) -> Bool {
        node != self.origin[vm] && self.domains[self.domainOf[vm]].set.contains(node)
    }

    /// What moving every VM straight from where it was to `hosts` costs.
    func directCost(of hosts: [Int]) -> MigrationCost {
        var cost = MigrationCost.zero
        for vm in hosts.indices where hosts[vm] != self.origin[vm] {
            cost.weight += self.hopWeight(vm, from: self.origin[vm], to: hosts[vm])
            cost.migrations += 1
        }
        return cost
    }

    /// What ``directCost(of:)`` comes to with the breaches of soft constraints that are left.
    func totalCost(of hosts: [Int]) -> MigrationCost {
        guard self.book.hasSoft else { return self.directCost(of: hosts) }
        let soft = RuleCounts(self, hosts: hosts).total.soft
        return self.directCost(of: hosts) + MigrationCost(weight: soft, migrations: 0)
    }

    /// How far `load` is over what `node` may have, in permille of what it has; as ``Overload/excessPermille``.
    func excessPermille(_ node: Int, load: Amounts) -> Int {
        let excess = load &- self.limit[node]
        guard any(excess .> 0) else { return 0 }
        var permille = 0
        for resource in 0..<4 where excess[resource] > 0 {
            let usable = self.usable[node][resource]
            if usable <= 0 || excess[resource] / usable >= Overload.excessPermilleMax / 1_000 {
                permille += Overload.excessPermilleMax
            } else {
                permille += (excess[resource] * 1_000 + usable - 1) / usable
            }
        }
        return permille
    }

    /// The greatest share of its first node that `vm` wants of any resource, in permille.
    func sizePermille(_ vm: Int) -> Int {
        let usable = self.usable[self.origin[vm]]
        return (0..<4).map { self.demand[vm][$0] * 1_000 / max(usable[$0], 1) }.max() ?? 0
    }

    /// `vms` in the order of ``sizePermille(_:)``, the largest first.
    func largestFirst(_ vms: [Int]) -> [Int] {
        vms.sorted { left, right in (-self.sizePermille(left), left) < (-self.sizePermille(right), right) }
    }

    func fits(_ load: Amounts, on node: Int) -> Bool {
        all(load .<= self.limit[node])
    }

    /// What to expect of each node while each VM is on its one of `hosts`.
    func outlooks(_ hosts: [Int]) -> [CPUOutlook] {
        hosts.indices.reduce(into: Array(repeating: CPUOutlook(), count: self.nodes.count)) { outlooks, vm in
            outlooks[hosts[vm]] += self.outlook[vm]
        }
    }

    /// The risk of one node, in microcores; see ``PlacementRisk``.
    func risk(_ node: Int, _ outlook: CPUOutlook) -> Int {
        PlacementRisk.expectedExcessMicrocores(
            capacity: self.usable[node][Resource.cpu.rawValue], mean: outlook.mean, variance: outlook.variance)
    }
}
