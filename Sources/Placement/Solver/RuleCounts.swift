/// By how much breaches grow or shrink.
struct BreachChange: Equatable {
    /// Breaches of hard rules.
    var hard = 0
    /// Of these, breaches of rules that bind at every instant.
    var continuous = 0
    /// What breaches of soft rules cost.
    var soft = 0
}

/// Who stands where, counted so that each move costs only as much as there are rules about the VM and its two nodes.
///
/// A VM may stand on several nodes, as in flight, or on none yet. Breaches among VMs outside the problem alone are not
/// counted: nothing here could mend them.
struct RuleCounts {
    /// Stands for no node.
    static let nowhere = -1

    private let model: SearchModel
    private var table: CountTable
    /// By class: in how many places it is.
    private var spans: [Int]
    /// By rule: how many of the nodes listed host a VM, or how many VMs they host.
    private var numbers: [Int]
    /// By node: how many VMs stand there, and how many of them for each rule that wants its VMs alone.
    private var crowd: [Int]
    private var aloneMembers: [Int]
    private var loads: [Amounts]
    /// By rule, without what is outside.
    private(set) var breaches: [Int]
    private(set) var total = BreachChange()

    /// Nobody of the problem stands anywhere yet.
    init(_ model: SearchModel) {
        let book = model.book
        self.model = model
        self.table = CountTable(expecting: 0)
        self.spans = Array(repeating: 0, count: book.spanCount)
        self.numbers = Array(repeating: 0, count: book.listsNodes ? book.rules.count : 0)
        self.crowd = Array(repeating: 0, count: book.isEmpty ? 0 : book.nodeCount)
        self.aloneMembers = Array(repeating: 0, count: book.aloneRules.isEmpty ? 0 : book.nodeCount)
        self.loads = Array(repeating: .zero, count: book.hasLoadRules ? book.nodeCount : 0)
        self.breaches = Array(repeating: 0, count: book.rules.count)
        guard !book.isEmpty else { return }
        for outsider in book.outsiders {
            self.count(outsider.memberships, demand: .zero, from: Self.nowhere, to: outsider.node)
        }
    }

    /// The VMs stand on `hosts`.
    init(_ model: SearchModel, hosts: [Int]) {
        self.init(model)
        guard !model.book.isEmpty else { return }
        for vm in hosts.indices { self.move(vm, from: Self.nowhere, to: hosts[vm]) }
    }

    /// The VMs stand on `hosts`, as far as it takes to see what binds at every instant.
    init(_ model: SearchModel, watching hosts: [Int]) {
        self.init(model, hosts: model.book.hasContinuous ? hosts : [])
    }

    /// `vm` ceases to stand on `from` and begins to stand on `to`; either may be ``nowhere``.
    mutating func move(_ vm: Int, from: Int, to: Int) {
        guard !self.model.book.isEmpty, from != to else { return }
        var total = self.total
        var changes: [(rule: Int, by: Int)] = []
        self.forEachChange(vm, from: from, to: to) { rule, change in
            changes.append((rule, change))
            total.add(change, self.model.book.rules[rule])
        }
        self.total = total
        for change in changes { self.breaches[change.rule] += change.by }
        self.count(self.model.book.memberships[vm], demand: self.model.demand[vm], from: from, to: to)
    }

    /// What ``move(_:from:to:)`` would change.
    func change(_ vm: Int, from: Int, to: Int) -> BreachChange {
        var change = BreachChange()
        guard !self.model.book.isEmpty, from != to else { return change }
        self.forEachChange(vm, from: from, to: to) { change.add($1, self.model.book.rules[$0]) }
        return change
    }

    /// Whether a VM that is not there yet breaks nothing on `node` that binds at every instant.
    func admits(_ vm: Int, on node: Int) -> Bool {
        !self.model.book.hasContinuous || self.change(vm, from: Self.nowhere, to: node).continuous == 0
    }

    /// How many VMs stand on `node`, those outside the problem included. Meaningless when there are no rules.
    func crowd(on node: Int) -> Int { self.crowd[node] }

    /// How many VMs of a rule that wants them alone stand on `node`.
    func members(of rule: Int, on node: Int) -> Int { self.table[self.model.book.rules[rule].keyBase + node] }
}

extension BreachChange {
    fileprivate mutating func add(_ change: Int, _ rule: RuleBook.Rule) {
        if let price = rule.price {
            self.soft += price * change
        } else {
            self.hard += change
            if rule.isContinuous { self.continuous += change }
        }
    }
}

// How one move changes breaches; nothing is counted yet.
extension RuleCounts {
    private func forEachChange(_ vm: Int, from: Int, to: Int, _ body: (_ rule: Int, _ change: Int) -> Void) {
        let book = self.model.book
        for membership in book.memberships[vm] {
            let change: Int
            switch book.rules[membership.rule].kind {
            case .presence(let presence):
                change = self.presenceChange(presence, book.rules[membership.rule], membership.category, from, to)
            case .alone: change = self.memberChange(membership.rule, from, to)
            case .displaced:
                let origin = self.model.origin[vm]
                change = (to >= 0 && to != origin ? 1 : 0) - (from >= 0 && from != origin ? 1 : 0)
            case .onlineAtMost, .hostedAtMost, .sealed, .load: continue
            }
            if change != 0 { body(membership.rule, change) }
        }
        if book.listsNodes { self.forEachListChange(from, to, body) }
        if !book.aloneRules.isEmpty, [from, to].contains(where: { $0 >= 0 && self.aloneMembers[$0] > 0 }) {
            for rule in book.aloneRules where !book.memberships[vm].contains(where: { $0.rule == rule }) {
                let change = self.strangerChange(rule, from, to)
                if change != 0 { body(rule, change) }
            }
        }
        for rule in book.generalRules {
            let change = self.generalChange(rule, vm, from, to)
            if change != 0 { body(rule, change) }
        }
    }

    private func presenceChange(
        _ presence: RuleBook.Presence, _ rule: RuleBook.Rule, _ category: Int, _ from: Int, _ to: Int
    ) -> Int {
        var change = 0
        var (vacated, entered) = (-1, -1)
        let left = from >= 0 ? presence.place(of: from) : -1
        let reached = to >= 0 ? presence.place(of: to) : -1
        if from >= 0, left < 0 { change -= 1 }
        if to >= 0, reached < 0 { change += 1 }
        guard left != reached else { return change }
        if left >= 0, self.occupants(presence, rule, category, left) == 1 { vacated = left }
        if reached >= 0, self.occupants(presence, rule, category, reached) == 0 { entered = reached }
        if presence.oneClassPerPlace {
            if vacated >= 0, self.classes(presence, rule, vacated) > 1 { change -= 1 }
            if entered >= 0, self.classes(presence, rule, entered) > 0 { change += 1 }
        }
        if presence.onePlacePerClass {
            let span = self.spans[rule.spanBase + category]
            let after = span - (vacated >= 0 ? 1 : 0) + (entered >= 0 ? 1 : 0)
            change += max(after - 1, 0) - max(span - 1, 0)
        }
        return change
    }

    /// A single VM stands at a place, as this rule is asked, only when it is about to leave it.
    private func occupants(_ presence: RuleBook.Presence, _ rule: RuleBook.Rule, _ category: Int, _ place: Int) -> Int {
        self.table[rule.keyBase + category * presence.placeCount + place]
    }

    private func classes(_ presence: RuleBook.Presence, _ rule: RuleBook.Rule, _ place: Int) -> Int {
        self.table[rule.keyBase + presence.classCount * presence.placeCount + place]
    }

    private func memberChange(_ rule: Int, _ from: Int, _ to: Int) -> Int {
        var change = 0
        if from >= 0, self.members(of: rule, on: from) == 1, self.crowd[from] > 1 { change -= 1 }
        if to >= 0, self.members(of: rule, on: to) == 0, self.crowd[to] > 0 { change += 1 }
        return change
    }

    private func strangerChange(_ rule: Int, _ from: Int, _ to: Int) -> Int {
        var change = 0
        if from >= 0 {
            let members = self.members(of: rule, on: from)
            if members > 0, self.crowd[from] == members + 1 { change -= 1 }
        }
        if to >= 0 {
            let members = self.members(of: rule, on: to)
            if members > 0, self.crowd[to] == members { change += 1 }
        }
        return change
    }

    private func forEachListChange(_ from: Int, _ to: Int, _ body: (_ rule: Int, _ change: Int) -> Void) {
        let rules = self.model.book.rules
        if from >= 0 {
            for rule in self.model.book.listing[from] {
                let change = self.listChange(rule, from, to >= 0 && rules[rule].nodes.contains(to) ? to : -1)
                if change != 0 { body(rule, change) }
            }
        }
        if to >= 0 {
            for rule in self.model.book.listing[to] where from < 0 || !rules[rule].nodes.contains(from) {
                let change = self.listChange(rule, -1, to)
                if change != 0 { body(rule, change) }
            }
        }
    }

    /// - Parameters: nodes that the rule lists, or -1.
    private func listChange(_ rule: Int, _ from: Int, _ to: Int) -> Int {
        let (limit, difference) = self.numberChange(rule, from, to)
        let number = self.numbers[rule]
        return max(number + difference - limit, 0) - max(number - limit, 0)
    }

    private func numberChange(_ rule: Int, _ from: Int, _ to: Int) -> (limit: Int, difference: Int) {
        switch self.model.book.rules[rule].kind {
        case .onlineAtMost(let limit):
            (limit, (to >= 0 && self.crowd[to] == 0 ? 1 : 0) - (from >= 0 && self.crowd[from] == 1 ? 1 : 0))
        case .hostedAtMost(let limit): (limit, (to >= 0 ? 1 : 0) - (from >= 0 ? 1 : 0))
        case .presence, .alone, .displaced, .sealed, .load: preconditionFailure("a rule that does not list nodes")
        }
    }

    private func generalChange(_ rule: Int, _ vm: Int, _ from: Int, _ to: Int) -> Int {
        let book = self.model.book
        switch book.rules[rule].kind {
        case .sealed:
            let (origin, sealed) = (self.model.origin[vm], book.rules[rule].nodes)
            return [(from, -1), (to, 1)].reduce(0) { sum, end in
                let (node, sign) = end
                guard node >= 0, node != origin, sealed.contains(node) || sealed.contains(origin) else { return sum }
                return sum + sign
            }
        case .load(let resource, let limits, let membersOnly):
            let extra = book.memberships[vm].first { $0.rule == rule }?.category
            let amount = self.model.demand[vm][resource.rawValue] + (extra ?? 0)
            let member = extra == nil ? 0 : 1
            return [(from, -1), (to, 1)].reduce(0) { sum, end in
                let (node, sign) = end
                guard node >= 0 else { return sum }
                let load = self.load(rule, resource, node)
                let members = self.table[book.rules[rule].keyBase + book.nodeCount + node]
                let before = load > limits[node] && (!membersOnly || members > 0)
                let after = load + sign * amount > limits[node] && (!membersOnly || members + sign * member > 0)
                return sum + (after ? 1 : 0) - (before ? 1 : 0)
            }
        case .presence, .alone, .displaced, .onlineAtMost, .hostedAtMost: return 0
        }
    }

    private func load(_ rule: Int, _ resource: Resource, _ node: Int) -> Int {
        self.loads[node][resource.rawValue] + self.table[self.model.book.rules[rule].keyBase + node]
    }
}

// Counting what has moved.
extension RuleCounts {
    private mutating func count(_ memberships: [RuleBook.Membership], demand: Amounts, from: Int, to: Int) {
        for membership in memberships {
            if from >= 0 { self.count(membership, from, -1) }
            if to >= 0 { self.count(membership, to, 1) }
        }
        if self.model.book.listsNodes { self.countLists(from, to) }
        if from >= 0 { self.crowd[from] -= 1 }
        if to >= 0 { self.crowd[to] += 1 }
        if self.model.book.hasLoadRules {
            if from >= 0 { self.loads[from] &-= demand }
            if to >= 0 { self.loads[to] &+= demand }
        }
    }

    private mutating func count(_ membership: RuleBook.Membership, _ node: Int, _ amount: Int) {
        let rule = self.model.book.rules[membership.rule]
        switch rule.kind {
        case .presence(let presence):
            let place = presence.place(of: node)
            guard place >= 0 else { return }
            let key = rule.keyBase + membership.category * presence.placeCount + place
            let occupants = self.table.add(amount, at: key)
            guard occupants == (amount > 0 ? 1 : 0) else { return }
            if presence.oneClassPerPlace {
                self.table.add(amount, at: rule.keyBase + presence.classCount * presence.placeCount + place)
            }
            if presence.onePlacePerClass { self.spans[rule.spanBase + membership.category] += amount }
        case .alone:
            self.table.add(amount, at: rule.keyBase + node)
            self.aloneMembers[node] += amount
        case .load:
            self.table.add(amount * membership.category, at: rule.keyBase + node)
            self.table.add(amount, at: rule.keyBase + self.model.book.nodeCount + node)
        case .displaced, .sealed, .onlineAtMost, .hostedAtMost: break
        }
    }

    private mutating func countLists(_ from: Int, _ to: Int) {
        if from >= 0 {
            for rule in self.model.book.listing[from] {
                self.numbers[rule] += self.numberChange(rule, from, -1).difference
            }
        }
        if to >= 0 {
            for rule in self.model.book.listing[to] { self.numbers[rule] += self.numberChange(rule, -1, to).difference }
        }
    }
}
