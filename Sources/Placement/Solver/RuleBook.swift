import Basis

/// The constraints that cannot be said as sets of nodes for single VMs: who may be where with whom, how many may be
/// where, and all that is soft. ``RuleCounts`` keeps count of their breaches.
///
/// Nodes are indices; those behind the problem's nodes stand for nodes outside, on which VMs are known to be.
struct RuleBook: Sendable {
    struct Rule: Sendable {
        var kind: Kind
        /// The constraint, in words.
        var constraint: String
        /// Hard, and binding at every instant.
        var isContinuous: Bool
        /// What a breach costs when it is soft; nil when it is hard.
        var price: Int?
        /// The VMs of the problem that it names, in ascending order, with their classes.
        var members: [(vm: Int, category: Int)]
        /// The nodes that it lists.
        var nodes: NodeSet
        /// Where its keys in a ``CountTable`` begin.
        var keyBase: Int
        /// Where its classes begin among all that must be in one place.
        var spanBase: Int
    }

    enum Kind: Sendable {
        case presence(Presence)
        case alone
        case onlineAtMost(Int)
        case hostedAtMost(Int)
        /// A breach for each VM that is not where it was at first.
        case displaced
        /// A breach for each VM that has entered or left the nodes listed.
        case sealed
        /// A breach for each node on which more is asked than `limits` says; with `membersOnly` on nodes of members.
        case load(Resource, limits: [Int], membersOnly: Bool)
    }

    struct Presence: Sendable {
        var onePlacePerClass: Bool
        var oneClassPerPlace: Bool
        /// Each class has one VM.
        var classesAreSingle: Bool
        var classCount: Int
        var placeCount: Int
        /// The place of each node, -1 where none may be; nil when each node is one.
        var placeOf: [Int32]?

        func place(of node: Int) -> Int { self.placeOf.map { Int($0[node]) } ?? node }
    }

    struct Membership: Sendable {
        var rule: Int
        /// The class of a VM under a rule of presence; what it is to get on top of its demand under one of load.
        var category: Int
    }

    /// A VM outside the problem.
    struct Outsider: Sendable {
        var node: Int
        var memberships: [Membership]
    }

    private(set) var rules: [Rule] = []
    /// By VM.
    private(set) var memberships: [[Membership]]
    private(set) var outsiders: [Outsider] = []
    /// By node: the rules of number that list it.
    private(set) var listing: [[Int]]
    /// Rules of kind `alone`: they concern every VM.
    private(set) var aloneRules: [Int] = []
    /// Soft rules that concern every VM in any case.
    private(set) var generalRules: [Int] = []
    private(set) var listsNodes = false
    private(set) var hasLoadRules = false
    private(set) var hasContinuous = false
    private(set) var hasContinuousAlone = false
    /// Whether any rule is soft.
    private(set) var hasSoft = false
    private(set) var keyCount = 0
    private(set) var spanCount = 0
    let nodeCount: Int

    private let nodeIndex: [NodeID: Int]
    private let vmIndex: [VMID: Int]
    private var outsiderIndex: [VMID: Int] = [:]

    var isEmpty: Bool { self.rules.isEmpty }

    init(_ problem: PlacementProblem, nodeIndex: [NodeID: Int], vmIndex: [VMID: Int]) {
        var nodeIndex = nodeIndex
        for (vm, node) in problem.outside.assignments {
            let index = nodeIndex[node] ?? nodeIndex.count
            nodeIndex[node] = index
            self.outsiderIndex[vm] = self.outsiders.count
            self.outsiders.append(Outsider(node: index, memberships: []))
        }
        self.nodeIndex = nodeIndex
        self.nodeCount = nodeIndex.count
        self.vmIndex = vmIndex
        self.memberships = Array(repeating: [], count: vmIndex.count)
        self.listing = Array(repeating: [], count: nodeIndex.count)
    }

    func set(of nodes: [NodeID]) -> NodeSet {
        nodes.reduce(into: NodeSet(universe: self.nodeCount)) { set, node in
            if let index = self.nodeIndex[node] { set.insert(index) }
        }
    }

    /// Whether a hop of `vm` can break or mend what binds at every instant.
    func bindsOnTheWay(_ vm: Int, from: Int, to: Int) -> Bool {
        guard self.hasContinuous else { return false }
        return self.hasContinuousAlone || self.memberships[vm].contains { self.rules[$0.rule].isContinuous }
            || [from, to].contains { self.listing[$0].contains { self.rules[$0].isContinuous } }
    }
}

// Filling the book.
extension RuleBook {
    mutating func add(_ rule: PresenceRule, _ constraint: any PlacementConstraint, price: Int?) {
        let places = rule.places.map { places in
            let first = firstGroups(places)
            return self.nodeIndices { first[$0] ?? -1 }
        }
        let first = firstGroups(rule.classes)
        self.addPresence(
            Presence(
                onePlacePerClass: rule.onePlacePerClass, oneClassPerPlace: rule.oneClassPerPlace,
                classesAreSingle: rule.classes.allSatisfy { $0.count <= 1 }, classCount: rule.classes.count,
                placeCount: rule.places?.count ?? self.nodeCount, placeOf: places),
            first, constraint, price: price)
    }

    /// These VMs cost something where they stand on a node for which `isAllowed` does not hold.
    mutating func add(
        _ vms: [VMID], _ constraint: any PlacementConstraint, price: Int?, isAllowed: (NodeID) -> Bool
    ) {
        self.addPresence(
            Presence(
                onePlacePerClass: false, oneClassPerPlace: false, classesAreSingle: false, classCount: 1,
                placeCount: 1, placeOf: self.nodeIndices { isAllowed($0) ? 0 : -1 }),
            Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }), constraint, price: price)
    }

    private mutating func addPresence(
        _ presence: Presence, _ classes: [VMID: Int], _ constraint: any PlacementConstraint, price: Int?
    ) {
        self.append(
            .presence(presence), constraint, price: price, nodes: [],
            keys: (presence.classCount + 1) * presence.placeCount)
        self.enrol(classes)
        if presence.onePlacePerClass { self.spanCount += presence.classCount }
    }

    mutating func addAlone(_ vms: [VMID], _ constraint: any PlacementConstraint, price: Int?) {
        self.append(.alone, constraint, price: price, nodes: [], keys: self.nodeCount)
        self.enrol(Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }))
        self.aloneRules.append(self.rules.count - 1)
        if self.rules[self.rules.count - 1].isContinuous { self.hasContinuousAlone = true }
    }

    /// - Parameter kind: one that counts what is on the nodes listed.
    mutating func addCounting(
        _ kind: Kind, of nodes: [NodeID], _ constraint: any PlacementConstraint, price: Int?
    ) {
        self.append(kind, constraint, price: price, nodes: nodes, keys: 1)
        self.listsNodes = true
        for node in self.rules[self.rules.count - 1].nodes.members { self.listing[node].append(self.rules.count - 1) }
    }

    mutating func addDisplaced(_ vms: [VMID], _ constraint: any PlacementConstraint, price: Int) {
        self.append(.displaced, constraint, price: price, nodes: [], keys: 0)
        self.enrol(Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }))
    }

    mutating func addSealed(_ nodes: [NodeID], _ constraint: any PlacementConstraint, price: Int) {
        self.append(.sealed, constraint, price: price, nodes: nodes, keys: 0)
        self.generalRules.append(self.rules.count - 1)
    }

    /// - Parameter extra: what a VM is to get on top of its demand; nil when every VM counts, as it is.
    mutating func addLoad(
        _ resource: Resource, limits: [Int], extra: [VMID: Int]?, _ constraint: any PlacementConstraint, price: Int
    ) {
        let padded = limits + Array(repeating: SearchModel.unlimited, count: self.nodeCount - limits.count)
        self.append(
            .load(resource, limits: padded, membersOnly: extra != nil), constraint, price: price, nodes: [],
            keys: 2 * self.nodeCount)
        self.generalRules.append(self.rules.count - 1)
        self.hasLoadRules = true
        if let extra { self.enrol(extra) }
    }

    private func nodeIndices(_ value: (NodeID) -> Int) -> [Int32] {
        var values = [Int32](repeating: -1, count: self.nodeCount)
        // Each entry is set alone: the order of the dictionary does not show.
        for (node, index) in self.nodeIndex { values[index] = Int32(value(node)) }
        return values
    }

    private mutating func append(
        _ kind: Kind, _ constraint: any PlacementConstraint, price: Int?, nodes: [NodeID], keys: Int
    ) {
        let isContinuous = price == nil && constraint.isContinuous
        self.rules.append(
            Rule(
                kind: kind, constraint: constraint.description, isContinuous: isContinuous, price: price, members: [],
                nodes: self.set(of: nodes), keyBase: self.keyCount, spanBase: self.spanCount))
        self.keyCount += keys
        self.hasContinuous = self.hasContinuous || isContinuous
        self.hasSoft = self.hasSoft || price != nil
    }

    /// Makes VMs members of the last rule.
    private mutating func enrol(_ categories: [VMID: Int]) {
        let rule = self.rules.count - 1
        var members: [(vm: Int, category: Int)] = []
        for (id, category) in categories {
            let membership = Membership(rule: rule, category: category)
            if let vm = self.vmIndex[id] {
                self.memberships[vm].append(membership)
                members.append((vm, category))
            } else if let outsider = self.outsiderIndex[id] {
                self.outsiders[outsider].memberships.append(membership)
            }
        }
        self.rules[rule].members = members.sorted { $0.vm < $1.vm }
    }
}
