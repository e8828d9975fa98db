/// VMs that constraints bind to one and the same node, in groups that have no member in common.
struct Parties {
    private(set) var members: [[Int]] = []

    /// The parties of `vms`.
    init(_ model: SearchModel, of vms: [Int]) {
        var known: Set<Int> = []
        for first in vms where model.groupsOf[first].contains(where: { model.groups[$0].kind == .together }) {
            guard !known.contains(first) else { continue }
            var party: Set<Int> = [first]
            var open = [first]
            while let next = open.popLast() {
                for index in model.groupsOf[next] where model.groups[index].kind == .together {
                    for member in model.groups[index].members where party.insert(member).inserted {
                        open.append(member)
                    }
                }
            }
            known.formUnion(party)
            self.members.append(party.sorted())
        }
    }
}
