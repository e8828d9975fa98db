import Basis

/// The constraints of a problem, turned into what the search looks up: where each VM may go and pass, what it counts
/// for, what nodes may give, and the ``RuleBook``.
struct CompiledRules {
    private(set) var book: RuleBook
    private(set) var immovability: [Immovability?]
    /// By VM: how many constraints forbid it the node it stands on at first.
    private(set) var forbidden: [Int]
    private(set) var forbiddenBy: [String?]
    private(set) var domains: [SearchModel.Domain] = []
    /// Where each VM may be moved to stay, and where it may be moved at all, as indices into ``domains``.
    private(set) var domainOf: [Int] = []
    private(set) var transitOf: [Int] = []
    private(set) var demand: [Resources]
    private(set) var booking: [ResourcePercents]

    private let nodes: [Node]
    private let vms: [VirtualMachine]
    private let origin: [Int]
    private let nodeIndex: [NodeID: Int]
    private let vmIndex: [VMID: Int]
    private var receivers: NodeSet
    /// Narrower than ``receivers``, for VMs that a constraint confines at the end, and at every instant.
    private var narrowed: [Int: NodeSet] = [:]
    private var narrowedTransit: [Int: NodeSet] = [:]

    init(_ problem: PlacementProblem, nodes: [Node], vms: [VirtualMachine], origin: [Int], residents: [[Int]]) {
        self.nodes = nodes
        self.vms = vms
        self.origin = origin
        self.nodeIndex = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
        self.vmIndex = Dictionary(uniqueKeysWithValues: vms.enumerated().map { ($1.id, $0) })
        self.book = RuleBook(problem, nodeIndex: self.nodeIndex, vmIndex: self.vmIndex)
        self.forbidden = Array(repeating: 0, count: vms.count)
        self.forbiddenBy = Array(repeating: nil, count: vms.count)
        self.demand = vms.map(\.demand)
        self.booking = Array(repeating: .unbounded, count: nodes.count)
        var receivers = NodeSet(universe: nodes.count)
        for node in nodes.indices
        where problem.policy.mayReceive(nodes[node], vmCount: residents[node].count) { receivers.insert(node) }
        self.receivers = receivers
        self.immovability = vms.indices.map { vm in
            if case .rooted(let reason) = vms[vm].migratability { return .rooted(reason: reason) }
            if nodes[origin[vm]].state == .offline { return .nodeOffline(nodes[origin[vm]].id) }
            return nil
        }
        self.seal(problem.constraints)
        for constraint in problem.constraints {
            for rule in constraint.searchRules { self.add(rule, constraint) }
        }
        for soft in problem.softConstraints where soft.weight > 0 {
            for rule in soft.constraint.searchRules { self.add(rule, soft, problem.thresholds(of:)) }
        }
        self.book.close()
    }

    /// First of all: what no VM may enter is no receiver for anyone, and needs no set for each VM.
    private mutating func seal(_ constraints: [any PlacementConstraint]) {
        for constraint in constraints {
            for case .sealed(let nodes) in constraint.searchRules {
                let sealed = self.set(of: nodes)
                self.receivers.subtract(sealed)
                for vm in self.origin.indices where sealed.contains(self.origin[vm]) {
                    self.root(vm, constraint)
                }
            }
        }
    }

    private mutating func add(_ rule: SearchRule, _ constraint: any PlacementConstraint) {
        switch rule {
        case .confined(let vms, let nodes):
            let inside = self.set(of: nodes)
            for vm in self.indices(of: vms) {
                self.narrow(vm, constraint) { $0.formIntersection(inside) }
                if !inside.contains(self.origin[vm]) { self.forbid(vm, constraint) }
            }
        case .excluded(let vms, let nodes):
            let outside = self.set(of: nodes)
            for vm in self.indices(of: vms) {
                self.narrow(vm, constraint) { $0.subtract(outside) }
                if outside.contains(self.origin[vm]) { self.forbid(vm, constraint) }
            }
        case .rooted(let vms):
            for vm in self.indices(of: vms) { self.root(vm, constraint) }
        case .sealed: break
        case .presence(let presence): self.book.add(presence, constraint, price: nil)
        case .alone(let vms): self.book.addAlone(vms, constraint, price: nil)
        case .onlineAtMost(let limit, let nodes):
            self.book.addCounting(.online, limit, of: nodes, constraint, price: nil)
        case .hostedAtMost(let limit, let nodes):
            self.book.addCounting(.hosted, limit, of: nodes, constraint, price: nil)
        case .demandAtLeast(let amount, let resource, let vms):
            for vm in self.indices(of: vms) { self.demand[vm][resource] = max(self.demand[vm][resource], amount) }
        case .bookedAtMost(let percent, let resource, let nodes):
            for node in nodes.compactMap({ self.nodeIndex[$0] }) {
                self.booking[node][resource] = min(self.booking[node][resource], percent)
            }
        }
    }

    /// Adds a soft rule. All hard ones have been added.
    private mutating func add(_ rule: SearchRule, _ soft: SoftConstraint, _ thresholds: (NodeID) -> LoadThresholds) {
        let (constraint, price) = (soft.constraint, soft.costPerBreach)
        switch rule {
        case .confined(let vms, let nodes):
            let inside = Set(nodes)
            self.book.add(vms, constraint, price: price) { inside.contains($0) }
        case .excluded(let vms, let nodes):
            let banned = Set(nodes)
            self.book.add(vms, constraint, price: price) { !banned.contains($0) }
        case .rooted(let vms): self.book.addDisplaced(vms, constraint, price: price)
        case .sealed(let nodes): self.book.addSealed(nodes, constraint, price: price)
        case .presence(let presence): self.book.add(presence, constraint, price: price)
        case .alone(let vms): self.book.addAlone(vms, constraint, price: price)
        case .onlineAtMost(let limit, let nodes):
            self.book.addCounting(.online, limit, of: nodes, constraint, price: price)
        case .hostedAtMost(let limit, let nodes):
            self.book.addCounting(.hosted, limit, of: nodes, constraint, price: price)
        case .demandAtLeast(let amount, let resource, let vms):
            let limits = self.nodes.indices.map { node in
                self.nodes[node].state == .offline
                    ? nil
                    : self.nodes[node].limit(resource, thresholds(self.nodes[node].id), booking: self.booking[node])
            }
            let extra = self.indices(of: vms).map { ($0, max(amount - self.demand[$0][resource], 0)) }
            self.book.addLoad(
                resource, limits: limits.map { $0 ?? SearchModel.unlimited },
                extra: Dictionary(uniqueKeysWithValues: extra.map { (self.vms[$0.0].id, $0.1) }), constraint,
                price: price)
        case .bookedAtMost(let percent, let resource, let nodes):
            let listed = self.set(of: nodes)
            let limits = self.nodes.indices.map { node in
                self.nodes[node].state == .offline || !listed.contains(node)
                    ? nil : self.nodes[node].spared(resource).map { $0 * percent / 100 }
            }
            self.book.addLoad(
                resource, limits: limits.map { $0 ?? SearchModel.unlimited }, extra: nil, constraint, price: price)
        }
    }

    private mutating func narrow(_ vm: Int, _ constraint: any PlacementConstraint, _ change: (inout NodeSet) -> Void) {
        change(&self.narrowed[vm, default: self.receivers])
        if constraint.isContinuous { change(&self.narrowedTransit[vm, default: self.receivers]) }
    }

    private mutating func forbid(_ vm: Int, _ constraint: any PlacementConstraint) {
        self.forbidden[vm] += 1
        self.forbiddenBy[vm] = self.forbiddenBy[vm] ?? constraint.description
    }

    private mutating func root(_ vm: Int, _ constraint: any PlacementConstraint) {
        self.immovability[vm] = self.immovability[vm] ?? .rooted(reason: constraint.description)
    }

    private func indices(of vms: [VMID]) -> [Int] { vms.compactMap { self.vmIndex[$0] } }

    private func set(of nodes: [NodeID]) -> NodeSet {
        nodes.reduce(into: NodeSet(universe: self.nodeIndex.count)) { set, node in
            if let index = self.nodeIndex[node] { set.insert(index) }
        }
    }
}

// What VMs have in common.
extension CompiledRules {
    /// Keeps each distinct set of nodes once: fleets have many VMs and few kinds of fences.
    mutating func internDomains() {
        var known: [NodeSet: Int] = [self.receivers: 0]
        self.domains = [SearchModel.Domain(set: self.receivers, members: self.receivers.members)]
        self.domainOf = Array(repeating: 0, count: self.origin.count)
        self.transitOf = self.domainOf
        for vm in self.origin.indices {
            if let set = self.narrowed[vm] { self.domainOf[vm] = self.intern(set, &known) }
            if let set = self.narrowedTransit[vm] { self.transitOf[vm] = self.intern(set, &known) }
            guard self.immovability[vm] == nil else { continue }
            if !self.domains[self.domainOf[vm]].members.contains(where: { $0 != self.origin[vm] }) {
                self.immovability[vm] = .nowhereAllowed
            }
        }
    }

    private mutating func intern(_ set: NodeSet, _ known: inout [NodeSet: Int]) -> Int {
        if let index = known[set] { return index }
        known[set] = self.domains.count
        self.domains.append(SearchModel.Domain(set: set, members: set.members))
        return self.domains.count - 1
    }

    /// What makes two VMs interchangeable.
    private struct Likeness: Hashable {
        var origin: Int
        var demand: Resources
        /// What a migration copies: the demand that counts may be more.
        var memoryMiB: Int
        var dirtyMiBPerSecond: Int
        var domain: Int
        var transit: Int
        var forbidden: Int
    }

    /// Numbers the classes of VMs that no plan needs to tell apart, by VM; -1 for a VM that is bound to others.
    func twinClasses() -> [Int] {
        var known: [Likeness: Int] = [:]
        return self.vms.indices.map { vm -> Int in
            guard self.book.memberships[vm].isEmpty, self.immovability[vm] == nil else { return -1 }
            let likeness = Likeness(
                origin: self.origin[vm], demand: self.demand[vm], memoryMiB: self.vms[vm].demand.memoryMiB,
                dirtyMiBPerSecond: self.vms[vm].dirtyMiBPerSecond, domain: self.domainOf[vm],
                transit: self.transitOf[vm], forbidden: self.forbidden[vm])
            if let number = known[likeness] { return number }
            known[likeness] = known.count
            return known.count - 1
        }
    }
}
