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
        switch rule.kind {
        case .presence(let presence): return self.conflicts(presence, index, rule)
        case .alone: return self.aloneConflicts(index, rule)
        case .onlineAtMost(let limit):
            return self.conflict(of: self.crowds(on: rule.nodes), tolerated: limit)
        case .hostedAtMost(let limit):
            let parties = self.crowds(on: rule.nodes).flatMap { crowd in
                crowd.vms.map { Crowd(vms: [$0], outsiders: 0) }
                    + Array(repeating: Crowd(vms: [], outsiders: 1), count: crowd.outsiders)
            }
            return self.conflict(of: parties, tolerated: limit)
        case .displaced, .sealed:
            // Only what has been moved breaks these, and that is settled.
            return []
        case .load(let resource, let limits, let membersOnly):
            return self.loadConflicts(index, resource, limits, membersOnly)
        }
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

    private func conflicts(_ presence: RuleBook.Presence, _ index: Int, _ rule: RuleBook.Rule) -> [RuleConflict] {
        struct Occupant {
            var category: Int
            var place: Int
            var vm: Int?
        }
        var occupants = rule.members.map {
            Occupant(category: $0.category, place: presence.place(of: self.hosts[$0.vm]), vm: $0.vm)
        }
        for outsider in self.model.book.outsiders {
            for membership in outsider.memberships where membership.rule == index {
                occupants.append(
                    Occupant(category: membership.category, place: presence.place(of: outsider.node), vm: nil))
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
        if presence.oneClassPerPlace {
            conflicts += parties(\.place, \.category).flatMap { self.conflict(of: $0, tolerated: 1) }
        }
        if presence.onePlacePerClass {
            conflicts += parties(\.category, \.place).flatMap { self.conflict(of: $0, tolerated: 1) }
        }
        return conflicts
    }

    private func aloneConflicts(_ index: Int, _ rule: RuleBook.Rule) -> [RuleConflict] {
        var nodes = NodeSet(universe: self.model.book.nodeCount)
        for member in rule.members { nodes.insert(self.hosts[member.vm]) }
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

    private func loadConflicts(
        _ index: Int, _ resource: Resource, _ limits: [Int], _ membersOnly: Bool
    ) -> [RuleConflict] {
        var all = NodeSet(universe: self.model.book.nodeCount)
        for node in self.model.nodes.indices where limits[node] < SearchModel.unlimited { all.insert(node) }
        return self.crowdsByNode(on: all).compactMap { node, crowd in
            var (load, members) = (0, 0)
            for vm in crowd.vms {
                load += self.model.demand[vm][resource.rawValue]
                for membership in self.model.book.memberships[vm] where membership.rule == index {
                    load += membership.category
                    members += 1
                }
            }
            guard load > limits[node], !membersOnly || members > 0 else { return nil }
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
