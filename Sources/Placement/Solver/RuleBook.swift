import Basis

/// The constraints that cannot be said as sets of nodes for single VMs: who may be where with whom, how many may be
/// where, and all that is soft. ``RuleCounts`` keeps count of their breaches.
///
/// Nodes are indices; those behind the problem's nodes stand for nodes outside, on which VMs are known to be.
struct RuleBook: Sendable {
    /// What is looked up of a rule at every move: plain numbers, so that a copy costs nothing.
    struct Rule: Sendable {
        var kind: Kind
        /// Hard, and binding at every instant.
        var isContinuous: Bool
        /// What a breach costs when it is soft; -1 when it is hard.
        var price: Int
        /// What may be on the nodes listed.
        var limit = 0
        /// Of a rule of presence: what is a breach, and how many there are.
        var onePlacePerClass = false
        var oneClassPerPlace = false
        /// Each class has one VM and each node is a place: then a VM is alone in its class wherever it is.
        var isEachAlone = false
        var classCount = 0
        var placeCount = 0
        /// Which of ``placeTables`` tells the place of each node; -1 when each node is one.
        var placeTable = -1
        /// Where its keys in a ``CountTable`` begin.
        var keyBase: Int
        /// Where its classes begin among all that must be in one place.
        var spanBase: Int
        /// Of a rule of load.
        var resource = Resource.cpu
        var membersOnly = false

        var isHard: Bool { self.price < 0 }
        /// Whether it is hard and wants each class of its VMs in one place.
        var bindsTogether: Bool { self.kind == .presence && self.onePlacePerClass && self.isHard }
    }

    enum Kind: Sendable {
        case presence
        case alone
        /// At most ``Rule/limit`` of the nodes listed host VMs.
        case online
        /// At most ``Rule/limit`` VMs are on the nodes listed.
        case hosted
        /// A breach for each VM that is not where it was at first.
        case displaced
        /// A breach for each VM that has entered or left the nodes listed.
        case sealed
        /// A breach for each node on which more is asked than its limit; with ``Rule/membersOnly`` on nodes of members.
        case load
    }

    /// The rest about a rule.
    struct Details: Sendable {
        /// The constraint, in words.
        var constraint: String
        /// The VMs of the problem that it names, in ascending order, with their classes.
        var members: [(vm: Int, category: Int)] = []
        /// The nodes that it lists.
        var nodes: NodeSet
        /// Of a rule of load: the limit of each node.
        var limits: [Int] = []
        /// Whether it names VMs outside the problem.
        var namesOutsiders = false
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
    private(set) var details: [Details] = []
    /// The place of each node, -1 where none may be.
    private(set) var placeTables: [[Int32]] = []
    /// By VM.
    private(set) var memberships: [[Membership]]
    private(set) var outsiders: [Outsider] = []
    /// The memberships of all VMs in one array, and where those of each begin; one more than there are VMs.
    private(set) var membershipList: [Membership] = []
    private(set) var membershipStarts: [Int] = []
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

    /// Whether there are rules about VMs that no constraint names.
    var concernsEveryVM: Bool { self.listsNodes || !self.aloneRules.isEmpty || !self.generalRules.isEmpty }

    /// Whether any rule can have to do with where `vm` is.
    func concerns(_ vm: Int) -> Bool { !self.memberships[vm].isEmpty || self.concernsEveryVM }

    func place(_ rule: Rule, _ node: Int) -> Int {
        rule.placeTable < 0 ? node : Int(self.placeTables[rule.placeTable][node])
    }

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
    /// To be called when everything has been added.
    mutating func close() {
        self.membershipStarts = [0]
        self.membershipStarts.reserveCapacity(self.memberships.count + 1)
        for memberships in self.memberships {
            self.membershipList += memberships
            self.membershipStarts.append(self.membershipList.count)
        }
    }

    mutating func add(_ rule: PresenceRule, _ constraint: any PlacementConstraint, price: Int?) {
        let places = rule.places.map { places in
            let first = firstGroups(places)
            return self.nodeIndices { first[$0] ?? -1 }
        }
        let first = firstGroups(rule.classes)
        var presence = self.rule(.presence, constraint, price: price)
        presence.onePlacePerClass = rule.onePlacePerClass
        presence.oneClassPerPlace = rule.oneClassPerPlace
        presence.classCount = rule.classes.count
        presence.placeCount = rule.places?.count ?? self.nodeCount
        presence.isEachAlone = places == nil && !rule.onePlacePerClass && rule.classes.allSatisfy { $0.count <= 1 }
        self.addPresence(presence, places, first, constraint)
    }

    /// These VMs cost something where they stand on a node for which `isAllowed` does not hold.
    mutating func add(
        _ vms: [VMID], _ constraint: any PlacementConstraint, price: Int?, isAllowed: (NodeID) -> Bool
    ) {
        var presence = self.rule(.presence, constraint, price: price)
        presence.classCount = 1
        presence.placeCount = 1
        let classes = Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first })
        self.addPresence(presence, self.nodeIndices { isAllowed($0) ? 0 : -1 }, classes, constraint)
    }

    private mutating func addPresence(
        _ presence: Rule, _ places: [Int32]?, _ classes: [VMID: Int], _ constraint: any PlacementConstraint
    ) {
        var presence = presence
        if let places {
            // Many constraints know the same racks.
            presence.placeTable = self.placeTables.firstIndex(of: places) ?? self.placeTables.count
            if presence.placeTable == self.placeTables.count { self.placeTables.append(places) }
        }
        self.append(presence, constraint, keys: (presence.classCount + 1) * presence.placeCount)
        self.enrol(classes)
        if presence.onePlacePerClass { self.spanCount += presence.classCount }
    }

    mutating func addAlone(_ vms: [VMID], _ constraint: any PlacementConstraint, price: Int?) {
        self.append(self.rule(.alone, constraint, price: price), constraint, keys: self.nodeCount)
        self.enrol(Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }))
        self.aloneRules.append(self.rules.count - 1)
        if self.rules[self.rules.count - 1].isContinuous { self.hasContinuousAlone = true }
    }

    /// - Parameter kind: one that counts what is on the nodes listed.
    mutating func addCounting(
        _ kind: Kind, _ limit: Int, of nodes: [NodeID], _ constraint: any PlacementConstraint, price: Int?
    ) {
        var rule = self.rule(kind, constraint, price: price)
        rule.limit = limit
        self.append(rule, constraint, nodes: nodes, keys: 0)
        self.listsNodes = true
        for node in self.details[self.rules.count - 1].nodes.members { self.listing[node].append(self.rules.count - 1) }
    }

    mutating func addDisplaced(_ vms: [VMID], _ constraint: any PlacementConstraint, price: Int) {
        self.append(self.rule(.displaced, constraint, price: price), constraint, keys: 0)
        self.enrol(Dictionary(vms.map { ($0, 0) }, uniquingKeysWith: { first, _ in first }))
    }

    mutating func addSealed(_ nodes: [NodeID], _ constraint: any PlacementConstraint, price: Int) {
        self.append(self.rule(.sealed, constraint, price: price), constraint, nodes: nodes, keys: 0)
        self.generalRules.append(self.rules.count - 1)
    }

    /// - Parameter extra: what a VM is to get on top of its demand; nil when every VM counts, as it is.
    mutating func addLoad(
        _ resource: Resource, limits: [Int], extra: [VMID: Int]?, _ constraint: any PlacementConstraint, price: Int
    ) {
        let padded = limits + Array(repeating: SearchModel.unlimited, count: self.nodeCount - limits.count)
        var rule = self.rule(.load, constraint, price: price)
        rule.resource = resource
        rule.membersOnly = extra != nil
        self.append(rule, constraint, limits: padded, keys: 2 * self.nodeCount)
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

    private func rule(_ kind: Kind, _ constraint: any PlacementConstraint, price: Int?) -> Rule {
        Rule(
            kind: kind, isContinuous: price == nil && constraint.isContinuous, price: price ?? -1,
            keyBase: self.keyCount, spanBase: self.spanCount)
    }

    private mutating func append(
        _ rule: Rule, _ constraint: any PlacementConstraint, nodes: [NodeID] = [], limits: [Int] = [], keys: Int
    ) {
        self.rules.append(rule)
        self.details.append(
            Details(constraint: constraint.description, nodes: self.set(of: nodes), limits: limits))
        self.keyCount += keys
        self.hasContinuous = self.hasContinuous || rule.isContinuous
        self.hasSoft = self.hasSoft || !rule.isHard
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
                self.details[rule].namesOutsiders = true
            }
        }
        self.details[rule].members = members.sorted { $0.vm < $1.vm }
    }
}
