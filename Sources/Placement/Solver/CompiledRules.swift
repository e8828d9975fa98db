import Basis

/// The constraints of a problem, turned into what the search looks up: where each VM may go, and which VMs belong
/// apart or together.
struct CompiledRules {
    private(set) var groups: [SearchModel.Group] = []
    private(set) var groupsOf: [[Int]]
    private(set) var immovability: [Immovability?]
    /// By VM: how many constraints forbid it the node it stands on at first.
    private(set) var forbidden: [Int]
    private(set) var forbiddenBy: [String?]
    private(set) var domains: [SearchModel.Domain] = []
    private(set) var domainOf: [Int] = []

    private let origin: [Int]
    private let nodeIndex: [NodeID: Int]
    private let vmIndex: [VMID: Int]
    private let receivers: NodeSet
    /// Narrower than ``receivers``, for VMs that a constraint confines.
    private var narrowed: [NodeSet?]

    init(_ problem: PlacementProblem, nodes: [Node], vms: [VirtualMachine], origin: [Int], residents: [[Int]]) {
        self.origin = origin
        self.nodeIndex = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.id, $0) })
        self.vmIndex = Dictionary(uniqueKeysWithValues: vms.enumerated().map { ($1.id, $0) })
        self.groupsOf = Array(repeating: [], count: vms.count)
        self.forbidden = Array(repeating: 0, count: vms.count)
        self.forbiddenBy = Array(repeating: nil, count: vms.count)
        self.narrowed = Array(repeating: nil, count: vms.count)
        var receivers = NodeSet(universe: nodes.count)
        for node in nodes.indices
        where problem.policy.mayReceive(nodes[node], vmCount: residents[node].count) { receivers.insert(node) }
        self.receivers = receivers
        self.immovability = vms.indices.map { vm in
            if case .rooted(let reason) = vms[vm].migratability { return .rooted(reason: reason) }
            if nodes[origin[vm]].state == .offline { return .nodeOffline(nodes[origin[vm]].id) }
            return nil
        }
        for constraint in problem.constraints {
            for rule in constraint.searchRules { self.add(rule, of: constraint.description) }
        }
    }

    private mutating func add(_ rule: SearchRule, of constraint: String) {
        switch rule {
        case .confined(let vms, let nodes):
            let inside = self.set(of: nodes)
            for vm in self.indices(of: vms) {
                self.narrowed[vm, default: self.receivers].formIntersection(inside)
                if !inside.contains(self.origin[vm]) { self.forbid(vm, by: constraint) }
            }
        case .excluded(let vms, let nodes):
            let outside = self.set(of: nodes)
            for vm in self.indices(of: vms) {
                self.narrowed[vm, default: self.receivers].subtract(outside)
                if outside.contains(self.origin[vm]) { self.forbid(vm, by: constraint) }
            }
        case .rooted(let vms):
            for vm in self.indices(of: vms) where self.immovability[vm] == nil {
                self.immovability[vm] = .rooted(reason: constraint)
            }
        case .sealed(let nodes):
            let sealed = self.set(of: nodes)
            for vm in self.origin.indices {
                if sealed.contains(self.origin[vm]) {
                    self.immovability[vm] = self.immovability[vm] ?? .rooted(reason: constraint)
                } else {
                    self.narrowed[vm, default: self.receivers].subtract(sealed)
                }
            }
        case .presence(let rule):
            if rule.places == nil, rule.onePlacePerClass != rule.oneClassPerPlace {
                let isApart = rule.oneClassPerPlace && rule.classes.allSatisfy { $0.count == 1 }
                let isTogether = rule.onePlacePerClass && rule.classes.count == 1
                if isApart || isTogether {
                    self.addGroup(
                        isApart ? .apart : .together, self.indices(of: rule.classes.flatMap { $0 }), constraint)
                }
            }
        case .alone, .onlineAtMost, .hostedAtMost, .demandAtLeast, .bookedAtMost: break
        }
    }

    private mutating func forbid(_ vm: Int, by constraint: String) {
        self.forbidden[vm] += 1
        self.forbiddenBy[vm] = self.forbiddenBy[vm] ?? constraint
    }

    private mutating func addGroup(_ kind: SearchModel.Group.Kind, _ members: [Int], _ constraint: String) {
        guard members.count > 1 else { return }
        for vm in members { self.groupsOf[vm].append(self.groups.count) }
        self.groups.append(SearchModel.Group(kind: kind, members: members, constraint: constraint))
    }

    private func indices(of vms: [VMID]) -> [Int] { vms.compactMap { self.vmIndex[$0] } }

    private func set(of nodes: [NodeID]) -> NodeSet {
        nodes.reduce(into: NodeSet(universe: self.nodeIndex.count)) { set, node in
            if let index = self.nodeIndex[node] { set.insert(index) }
        }
    }

    /// Keeps each distinct set of nodes once: fleets have many VMs and few kinds of fences.
    mutating func internDomains() {
        var known: [NodeSet: Int] = [:]
        self.domainOf = self.origin.indices.map { vm in
            let set = self.narrowed[vm] ?? self.receivers
            if let index = known[set] { return index }
            known[set] = self.domains.count
            self.domains.append(SearchModel.Domain(set: set, members: set.members))
            return self.domains.count - 1
        }
        for vm in self.origin.indices where self.immovability[vm] == nil {
            if !self.domains[self.domainOf[vm]].members.contains(where: { $0 != self.origin[vm] }) {
                self.immovability[vm] = .nowhereAllowed
            }
        }
    }

    /// What makes two VMs interchangeable.
    private struct Likeness: Hashable {
        var origin: Int
        var demand: Resources
        var dirtyMiBPerSecond: Int
        var domain: Int
        var forbidden: Int
    }

    /// Numbers the classes of VMs that no plan needs to tell apart, by VM; -1 for a VM that is bound to others.
    func twinClasses(_ vms: [VirtualMachine]) -> (byVM: [Int], count: Int) {
        var known: [Likeness: Int] = [:]
        let byVM = vms.indices.map { vm -> Int in
            guard self.groupsOf[vm].isEmpty, self.immovability[vm] == nil else { return -1 }
            let likeness = Likeness(
                origin: self.origin[vm], demand: vms[vm].demand, dirtyMiBPerSecond: vms[vm].dirtyMiBPerSecond,
                domain: self.domainOf[vm], forbidden: self.forbidden[vm])
            if let number = known[likeness] { return number }
            known[likeness] = known.count
            return known.count - 1
        }
        return (byVM, known.count)
    }
}

extension Array {
    /// The element at `index`, with `placeholder` in place of nil; written back when it is changed.
    fileprivate subscript<Wrapped>(index: Int, default placeholder: Wrapped) -> Wrapped where Element == Wrapped? {
        get { self[index] ?? placeholder }
        set { self[index] = newValue }
    }
}
