/// One way in which a rule is broken: parties of which not all may remain.
struct RuleConflict {
    /// What must leave for a party to be gone from where it is in the way: a VM of it that may still leave.
    var leavers: [Int]
    /// How many more parties cannot leave any more.
    var settled: Int
    /// How many parties may remain.
    var tolerated: Int

    /// Of these at least one leaves wherever the rule holds.
    var someMustLeave: ArraySlice<Int> { self.leavers.prefix(max(1, self.tolerated + 1 - self.settled)) }
}

/// Finds what is to be decided about the rules that a mapping breaks.
struct ConflictFinder {
    /// In rules with more members than this, pairs are not looked for one by one.
    private static let pairedMax = 32

    private let model: SearchModel
    private let hosts: [Int]
    /// Whether a VM stays where it is whatever is done.
    private let isSettled: (Int) -> Bool

    init(_ model: SearchModel, hosts: [Int], isSettled: @escaping (Int) -> Bool) {
        self.model = model
        self.hosts = hosts
        self.isSettled = isSettled
    }

    /// Every conflict of a rule in which some VM may still leave.
    func conflicts(of index: Int) -> [RuleConflict] {
        let rule = self.model.book.rules[index]
        let details = self.model.book.details[index]
        switch rule.kind {
        case .presence: return self.presenceConflicts(index, rule)
        case .alone: return self.aloneConflicts(index)
        case .online:
            return self.conflict(of: self.crowds(on: details.nodes), tolerated: rule.limit)
        case .hosted:
            let parties = self.crowds(on: details.nodes).flatMap { crowd in
                crowd.vms.map { Crowd(vms: [$0], outsiders: 0) }
                    + Array(repeating: Crowd(vms: [], outsiders: 1), count: crowd.outsiders)
            }
            return self.conflict(of: parties, tolerated: rule.limit)
        case .displaced, .sealed:
            // Only what has been moved breaks these, and that is settled.
            return []
        case .load: return self.loadConflicts(index, rule)
        }
    }

    /// The VMs that may still leave of two that a hard rule of presence does not let be where they are, of which hence
    /// one leaves: as few as there are, at least one. nil when there are no such two, or the rule is not so simple.
    func pair(of index: Int) -> (first: Int, second: Int?)? {
        let (rule, members) = (self.model.book.rules[index], self.model.book.details[index].members)
        guard rule.kind == .presence, !self.model.book.details[index].namesOutsiders, members.count <= Self.pairedMax
        else { return nil }
        var found: (first: Int, second: Int?)?
        for (offset, left) in members.enumerated() {
            let place = self.model.book.place(rule, self.hosts[left.vm])
            let isLeftSettled = self.isSettled(left.vm)
            if place < 0, !isLeftSettled { return (left.vm, nil) }
            guard place >= 0 else { continue }
            for right in members[(offset + 1)...] {
                let other = self.model.book.place(rule, self.hosts[right.vm])
                guard other >= 0,
                    rule.oneClassPerPlace && place == other && left.category != right.category
                        || rule.onePlacePerClass && place != other && left.category == right.category
                else { continue }
                switch (isLeftSettled, self.isSettled(right.vm)) {
                case (true, true): continue
                case (true, false): return (right.vm, nil)
                case (false, true): return (left.vm, nil)
                case (false, false): if found == nil { found = (left.vm, right.vm) }
                }
            }
        }
        return found
    }

    /// VMs that are in the way together.
    private struct Crowd {
        var vms: [Int]
        var outsiders: Int
    }

    private func conflict(of parties: [Crowd], tolerated: Int) -> [RuleConflict] {
        guard parties.count > tolerated else { return [] }
        var conflict = RuleConflict(leavers: [], settled: 0, tolerated: tolerated)
        for party in parties {
            if party.outsiders > 0 || party.vms.contains(where: self.isSettled) {
                conflict.settled += 1
            } else {
                conflict.leavers.append(party.vms[0])
            }
        }
        return conflict.leavers.isEmpty ? [] : [conflict]
    }

    private func presenceConflicts(_ index: Int, _ rule: RuleBook.Rule) -> [RuleConflict] {
        let book = self.model.book
        struct Occupant {
            var category: Int
            var place: Int
            var vm: Int?
        }
        var occupants = book.details[index].members.map {
            Occupant(category: $0.category, place: book.place(rule, self.hosts[$0.vm]), vm: $0.vm)
        }
        for outsider in self.model.book.outsiders {
            for membership in outsider.memberships where membership.rule == index {
                occupants.append(
                    Occupant(category: membership.category, place: book.place(rule, outsider.node), vm: nil))
            }
        }
        var conflicts = occupants.filter { $0.place < 0 }.flatMap { stray in
            self.conflict(
                of: [Crowd(vms: [stray.vm].compactMap { $0 }, outsiders: stray.vm == nil ? 1 : 0)], tolerated: 0)
        }
        /// The occupants that share `common`, as parties that `distinct` tells apart.
        func parties(_ common: KeyPath<Occupant, Int>, _ distinct: KeyPath<Occupant, Int>) -> [[Crowd]] {
            let sorted = occupants.filter { $0.place >= 0 }.sorted {
                ($0[keyPath: common], $0[keyPath: distinct], $0.vm ?? -1) < (
                    $1[keyPath: common], $1[keyPath: distinct], $1.vm ?? -1
                )
            }
            var parties: [[Crowd]] = []
            for (position, occupant) in sorted.enumerated() {
                let before = position > 0 ? sorted[position - 1] : nil
                if before?[keyPath: common] != occupant[keyPath: common] { parties.append([]) }
                let isNew =
                    before?[keyPath: common] != occupant[keyPath: common]
                    || before?[keyPath: distinct] != occupant[keyPath: distinct]
                if isNew { parties[parties.count - 1].append(Crowd(vms: [], outsiders: 0)) }
                let (last, party) = (parties.count - 1, parties[parties.count - 1].count - 1)
                if let vm = occupant.vm {
                    parties[last][party].vms.append(vm)
                } else {
                    parties[last][party].outsiders += 1
                }
            }
            return parties
        }
        if rule.oneClassPerPlace {
            conflicts += parties(\.place, \.category).flatMap { self.conflict(of: $0, tolerated: 1) }
        }
        if rule.onePlacePerClass {
            conflicts += parties(\.category, \.place).flatMap { self.conflict(of: $0, tolerated: 1) }
        }
        return conflicts
    }

    private func aloneConflicts(_ index: Int) -> [RuleConflict] {
        var nodes = NodeSet(universe: self.model.book.nodeCount)
        for member in self.model.book.details[index].members { nodes.insert(self.hosts[member.vm]) }
        for outsider in self.model.book.outsiders where outsider.memberships.contains(where: { $0.rule == index }) {
            nodes.insert(outsider.node)
        }
        return self.crowdsByNode(on: nodes).flatMap { node, crowd -> [RuleConflict] in
            var (inside, others) = (Crowd(vms: [], outsiders: 0), Crowd(vms: [], outsiders: 0))
            for vm in crowd.vms {
                if self.model.book.memberships[vm].contains(where: { $0.rule == index }) {
                    inside.vms.append(vm)
                } else {
                    others.vms.append(vm)
                }
            }
            for outsider in self.model.book.outsiders where outsider.node == node {
                if outsider.memberships.contains(where: { $0.rule == index }) {
                    inside.outsiders += 1
                } else {
                    others.outsiders += 1
                }
            }
            let parties = [inside, others].filter { $0.outsiders > 0 || !$0.vms.isEmpty }
            return self.conflict(of: parties, tolerated: 1)
        }
    }

    private func loadConflicts(_ index: Int, _ rule: RuleBook.Rule) -> [RuleConflict] {
        let limits = self.model.book.details[index].limits
        var all = NodeSet(universe: self.model.book.nodeCount)
        for node in self.model.nodes.indices where limits[node] < SearchModel.unlimited { all.insert(node) }
        return self.crowdsByNode(on: all).compactMap { node, crowd in
            var (load, members) = (0, 0)
            for vm in crowd.vms {
                load += self.model.demand[vm][rule.resource.rawValue]
                for membership in self.model.book.memberships[vm] where membership.rule == index {
                    load += membership.category
                    members += 1
                }
            }
            guard load > limits[node], !rule.membersOnly || members > 0 else { return nil }
            let leavers = crowd.vms.filter { !self.isSettled($0) }
            return leavers.isEmpty
                ? nil
                : RuleConflict(
                    leavers: leavers, settled: crowd.vms.count - leavers.count, tolerated: crowd.vms.count - 1)
        }
    }

    private func crowds(on nodes: NodeSet) -> [Crowd] { self.crowdsByNode(on: nodes).map(\.crowd) }

    /// The nodes of a set that host anything, in ascending order, with what they host.
    private func crowdsByNode(on nodes: NodeSet) -> [(node: Int, crowd: Crowd)] {
        var crowds: [Int: Crowd] = [:]
        for vm in self.hosts.indices where nodes.contains(self.hosts[vm]) {
            crowds[self.hosts[vm], default: Crowd(vms: [], outsiders: 0)].vms.append(vm)
        }
        for outsider in self.model.book.outsiders where nodes.contains(outsider.node) {
            crowds[outsider.node, default: Crowd(vms: [], outsiders: 0)].outsiders += 1
        }
        return crowds.sorted { $0.key < $1.key }.map { (node: $0.key, crowd: $0.value) }
    }
}
