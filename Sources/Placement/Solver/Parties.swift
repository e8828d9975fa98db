/// VMs that hard constraints bind to one and the same node, in groups that have no member in common.
struct Parties {
    private(set) var members: [[Int]] = []

    /// The parties that one of `vms` belongs to.
    init(_ model: SearchModel, of vms: [Int]) {
        let book = model.book
        let binding = book.rules.indices.filter { book.gathers($0) }
        guard !binding.isEmpty else { return }
        var known: Set<Int> = []
        for first in vms where !known.contains(first) && Self.companions(of: first, book).count > 1 {
            var party: Set<Int> = [first]
            var open = [first]
            while let next = open.popLast() {
                for member in Self.companions(of: next, book) where party.insert(member).inserted {
                    open.append(member)
                }
            }
            known.formUnion(party)
            self.members.append(party.sorted())
        }
    }

    private static func companions(of vm: Int, _ book: RuleBook) -> [Int] {
        book.memberships[vm].filter { book.gathers($0.rule) }.flatMap { membership in
            book.details[membership.rule].members.filter { $0.category == membership.category }.map(\.vm)
        }
    }
}

extension RuleBook {
    /// Whether a hard rule wants each class of its VMs on one node, and names no VM outside.
    func gathers(_ index: Int) -> Bool {
        let rule = self.rules[index]
        return rule.kind == .presence && rule.isHard && rule.onePlacePerClass && rule.placeTable < 0
            && !self.details[index].namesOutsiders
    }
}
