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
        self.table = CountTable(expecting: book.membershipList.count)
        self.spans = Array(repeating: 0, count: book.spanCount)
        self.numbers = Array(repeating: 0, count: book.listsNodes ? book.rules.count : 0)
        self.crowd = Array(repeating: 0, count: book.isEmpty ? 0 : book.nodeCount)
        self.aloneMembers = Array(repeating: 0, count: book.aloneRules.isEmpty ? 0 : book.nodeCount)
        self.loads = Array(repeating: .zero, count: book.hasLoadRules ? book.nodeCount : 0)
        self.breaches = Array(repeating: 0, count: book.rules.count)
        guard !book.isEmpty else { return }
        for outsider in book.outsiders {
            for membership in outsider.memberships { self.count(membership, from: Self.nowhere, to: outsider.node) }
            if book.concernsEveryVM { self.countEveryone(.zero, from: Self.nowhere, to: outsider.node) }
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
        guard self.model.concernedByRules[vm], from != to else { return }
        // The closure is to hold the model alone: it would hold a copy of all counts.
        let model = self.model
        var (total, breaches) = (self.total, [Int]())
        swap(&breaches, &self.breaches)
        self.forEachChange(vm, from: from, to: to) { rule, change in
            breaches[rule] += change
            total.add(change, model.book.rules[rule])
        }
        swap(&breaches, &self.breaches)
        self.total = total
        for index in self.model.book.membershipStarts[vm]..<self.model.book.membershipStarts[vm + 1] {
            self.count(self.model.book.membershipList[index], from: from, to: to)
        }
        if self.model.book.concernsEveryVM { self.countEveryone(self.model.demand[vm], from: from, to: to) }
    }

    /// What ``move(_:from:to:)`` would change.
    func change(_ vm: Int, from: Int, to: Int) -> BreachChange {
        var change = BreachChange()
        guard self.model.concernedByRules[vm], from != to else { return change }
        let model = self.model
        self.forEachChange(vm, from: from, to: to) { change.add($1, model.book.rules[$0]) }
        return change
    }

    /// Whether a VM that is not there yet breaks nothing on `node` that binds at every instant.
    func admits(_ vm: Int, on node: Int) -> Bool {
        !self.model.book.hasContinuous || self.change(vm, from: Self.nowhere, to: node).continuous == 0
    }

    /// How many VMs of a rule that wants them alone stand on `node`.
    private func members(of rule: Int, on node: Int) -> Int { self.table[self.model.book.rules[rule].keyBase + node] }
}

extension BreachChange {
    fileprivate mutating func add(_ change: Int, _ rule: RuleBook.Rule) {
        if rule.isHard {
            self.hard += change
            if rule.isContinuous { self.continuous += change }
        } else {
            self.soft += rule.price * change
        }
    }
}

// How one move changes breaches; nothing is counted yet.
extension RuleCounts {
    @inline(__always)
    private func forEachChange(_ vm: Int, from: Int, to: Int, _ body: (_ rule: Int, _ change: Int) -> Void) {
        for index in self.model.book.membershipStarts[vm]..<self.model.book.membershipStarts[vm + 1] {
            let membership = self.model.book.membershipList[index]
            let rule = self.model.book.rules[membership.rule]
            let change: Int
            switch rule.kind {
            case .presence: change = self.presenceChange(rule, membership.category, from, to)
            case .alone: change = self.memberChange(membership.rule, from, to)
            case .displaced:
                let origin = self.model.origin[vm]
                change = (to >= 0 && to != origin ? 1 : 0) - (from >= 0 && from != origin ? 1 : 0)
            case .online, .hosted, .sealed, .load: continue
            }
            if change != 0 { body(membership.rule, change) }
        }
        guard self.model.book.concernsEveryVM else { return }
        if self.model.book.listsNodes { self.forEachListChange(from, to, body) }
        if !self.aloneMembers.isEmpty, self.hasAlone(from) || self.hasAlone(to) {
            for rule in self.model.book.aloneRules
            where !self.model.book.memberships[vm].contains(where: { $0.rule == rule }) {
                let change = self.strangerChange(rule, from, to)
                if change != 0 { body(rule, change) }
            }
        }
        for rule in self.model.book.generalRules {
            let change = self.generalChange(rule, vm, from, to)
            if change != 0 { body(rule, change) }
        }
    }

    private func hasAlone(_ node: Int) -> Bool { node >= 0 && self.aloneMembers[node] > 0 }

    private func presenceChange(_ rule: RuleBook.Rule, _ category: Int, _ from: Int, _ to: Int) -> Int {
        let left = from >= 0 ? self.model.book.place(rule, from) : -1
        let reached = to >= 0 ? self.model.book.place(rule, to) : -1
        var change = (to >= 0 && reached < 0 ? 1 : 0) - (from >= 0 && left < 0 ? 1 : 0)
        guard left != reached else { return change }
        if rule.isEachAlone {
            if left >= 0, self.classes(rule, left) > 1 { change -= 1 }
            if reached >= 0, self.classes(rule, reached) > 0 { change += 1 }
            return change
        }
        let isVacated = left >= 0 && self.occupants(rule, category, left) == 1
        let isEntered = reached >= 0 && self.occupants(rule, category, reached) == 0
        if rule.oneClassPerPlace {
            if isVacated, self.classes(rule, left) > 1 { change -= 1 }
            if isEntered, self.classes(rule, reached) > 0 { change += 1 }
        }
        if rule.onePlacePerClass {
            let span = self.spans[rule.spanBase + category]
            let after = span - (isVacated ? 1 : 0) + (isEntered ? 1 : 0)
            change += max(after - 1, 0) - max(span - 1, 0)
        }
        return change
    }

    /// How many VMs of a class stand at a place.
    private func occupants(_ rule: RuleBook.Rule, _ category: Int, _ place: Int) -> Int {
        self.table[rule.keyBase + category * rule.placeCount + place]
    }

    /// How many classes have VMs at a place.
    private func classes(_ rule: RuleBook.Rule, _ place: Int) -> Int {
        self.table[rule.keyBase + rule.classCount * rule.placeCount + place]
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
        let book = self.model.book
        if from >= 0 {
            for rule in book.listing[from] {
                let change = self.listChange(rule, from, to >= 0 && book.details[rule].nodes.contains(to) ? to : -1)
                if change != 0 { body(rule, change) }
            }
        }
        if to >= 0 {
            for rule in book.listing[to] where from < 0 || !book.details[rule].nodes.contains(from) {
                let change = self.listChange(rule, -1, to)
                if change != 0 { body(rule, change) }
            }
        }
    }

    /// - Parameters: nodes that the rule lists, or -1.
    private func listChange(_ rule: Int, _ from: Int, _ to: Int) -> Int {
        let limit = self.model.book.rules[rule].limit
        let before = self.numbers[rule]
        let after = before + self.numberChange(rule, from, to)
        return max(after - limit, 0) - max(before - limit, 0)
    }

    private func numberChange(_ rule: Int, _ from: Int, _ to: Int) -> Int {
        switch self.model.book.rules[rule].kind {
        case .online: (to >= 0 && self.crowd[to] == 0 ? 1 : 0) - (from >= 0 && self.crowd[from] == 1 ? 1 : 0)
        case .hosted: (to >= 0 ? 1 : 0) - (from >= 0 ? 1 : 0)
        case .presence, .alone, .displaced, .sealed, .load: preconditionFailure("a rule that does not list nodes")
        }
    }

    private func generalChange(_ index: Int, _ vm: Int, _ from: Int, _ to: Int) -> Int {
        let book = self.model.book
        switch book.rules[index].kind {
        case .sealed:
            let (origin, sealed) = (self.model.origin[vm], book.details[index].nodes)
            func isBreach(_ node: Int) -> Bool {
                node >= 0 && node != origin && (sealed.contains(node) || sealed.contains(origin))
            }
            return (isBreach(to) ? 1 : 0) - (isBreach(from) ? 1 : 0)
        case .load: return self.loadChange(index, vm, from, -1) + self.loadChange(index, vm, to, 1)
        case .presence, .alone, .displaced, .online, .hosted: return 0
        }
    }

    /// What it changes under a rule of load that `vm` comes to `node` (`sign` 1) or leaves it (-1).
    private func loadChange(_ index: Int, _ vm: Int, _ node: Int, _ sign: Int) -> Int {
        guard node >= 0 else { return 0 }
        let rule = self.model.book.rules[index]
        let limit = self.model.book.details[index].limits[node]
        let extra = self.model.book.memberships[vm].first { $0.rule == index }?.category
        let amount = self.model.demand[vm][rule.resource.rawValue] + (extra ?? 0)
        let load = self.loads[node][rule.resource.rawValue] + self.table[rule.keyBase + node]
        let members = self.table[rule.keyBase + self.model.book.nodeCount + node]
        let before = load > limit && (!rule.membersOnly || members > 0)
        let after = load + sign * amount > limit && (!rule.membersOnly || members + (extra == nil ? 0 : sign) > 0)
        return (after ? 1 : 0) - (before ? 1 : 0)
    }
}

// Counting what has moved.
extension RuleCounts {
    private mutating func count(_ membership: RuleBook.Membership, from: Int, to: Int) {
        if from >= 0 { self.count(membership, from, -1) }
        if to >= 0 { self.count(membership, to, 1) }
    }

    private mutating func countEveryone(_ demand: Amounts, from: Int, to: Int) {
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
        case .presence:
            let place = self.model.book.place(rule, node)
            guard place >= 0 else { return }
            if !rule.isEachAlone {
                let occupants = self.table.add(
                    amount, at: rule.keyBase + membership.category * rule.placeCount + place)
                guard occupants == (amount > 0 ? 1 : 0) else { return }
            }
            if rule.oneClassPerPlace {
                self.table.add(amount, at: rule.keyBase + rule.classCount * rule.placeCount + place)
            }
            if rule.onePlacePerClass { self.spans[rule.spanBase + membership.category] += amount }
        case .alone:
            self.table.add(amount, at: rule.keyBase + node)
            self.aloneMembers[node] += amount
        case .load:
            self.table.add(amount * membership.category, at: rule.keyBase + node)
            self.table.add(amount, at: rule.keyBase + self.model.book.nodeCount + node)
        case .displaced, .sealed, .online, .hosted: break
        }
    }

    private mutating func countLists(_ from: Int, _ to: Int) {
        if from >= 0 {
            for rule in self.model.book.listing[from] {
                self.numbers[rule] += self.numberChange(rule, from, -1)
            }
        }
        if to >= 0 {
            for rule in self.model.book.listing[to] { self.numbers[rule] += self.numberChange(rule, -1, to) }
        }
    }
}
