/// VMs that hard constraints bind to one and the same node, in groups that have no member in common.
struct Parties {
    private(set) var members: [[Int]] = []

    /// The parties that one of `vms` belongs to.
    init(_ model: SearchModel, of vms: [Int]) {
        let book = model.book
        guard book.rules.indices.contains(where: book.gathers) else { return }
        var known: Set<Int> = []
        for first in vms where !book.memberships[first].isEmpty && !known.contains(first) {
            let party = book.party(of: first, where: book.gathers)
            guard party.count > 1 else { continue }
            known.formUnion(party)
            self.members.append(party)
        }
    }
}

extension RuleBook {
    /// `vm` and all VMs that it is bound to, be it by way of others, in ascending order.
    ///
    /// - Parameter binds: whether the rule at an index counts; it is one that ``Rule/bindsTogether``.
    func party(of vm: Int, where binds: (Int) -> Bool) -> [Int] {
        var party: Set<Int> = [vm]
        var open = [vm]
        while let next = open.popLast() {
            for membership in self.memberships[next] where binds(membership.rule) {
                for member in self.details[membership.rule].members
                where member.category == membership.category && party.insert(member.vm).inserted {
                    open.append(member.vm)
                }
            }
        }
        return party.sorted()
    }

    /// Whether a hard rule wants each class of its VMs on one node, and names no VM outside.
    func gathers(_ index: Int) -> Bool {
        self.rules[index].bindsTogether && self.rules[index].placeTable < 0 && !self.details[index].namesOutsiders
    }
}
