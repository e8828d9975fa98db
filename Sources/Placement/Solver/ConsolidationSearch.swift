/// Empties as many nodes as can be, one after the other, without overloading the others or breaking a constraint.
///
/// The least loaded node first: all its VMs go to nodes that host something, the large ones first and each where the
/// least room remains, or none does. A node that could not be emptied is tried again once others have been, as long
/// as that helps.
struct ConsolidationSearch {
    private let model: SearchModel
    private(set) var state: SearchState
    private var residents: [[Int]]

    /// - Parameter hosts: a viable mapping to begin with.
    init(_ model: SearchModel, hosts: [Int]) {
        self.model = model
        self.state = SearchState(model, hosts: hosts)
        self.residents = Array(repeating: [], count: model.nodes.count)
        for vm in hosts.indices { self.residents[hosts[vm]].append(vm) }
    }

    mutating func run(_ meter: inout StepMeter) {
        var emptied = true
        while emptied, !meter.isSpent {
            emptied = false
            for node in self.candidates() {
                if meter.isSpent { return }
                emptied = self.empty(node, &meter) || emptied
            }
        }
    }

    /// Nodes that host something and nothing that cannot leave, the least loaded first.
    private func candidates() -> [Int] {
        self.model.nodes.indices.filter { node in
            !self.residents[node].isEmpty && self.model.nodes[node].state == .active
                && self.residents[node].allSatisfy(self.model.isMovable)
        }.map { node in
            (load: 1_000 - self.model.leastRoomPermille(node, load: self.state.loads[node]), node: node)
        }.sorted { ($0.load, $0.node) < ($1.load, $1.node) }.map(\.node)
    }

    /// Moves everything away from `node`, or leaves all as it is; whether it did.
    private mutating func empty(_ node: Int, _ meter: inout StepMeter) -> Bool {
        let before = self.state
        let leaving = self.model.largestFirst(self.residents[node])
        for vm in leaving {
            guard let destination = self.destination(of: vm, &meter) else {
                self.state = before
                return false
            }
            self.state.move(vm, to: destination)
        }
        for vm in leaving { self.residents[self.state.hosts[vm]].append(vm) }
        self.residents[node] = []
        return true
    }

    private func destination(of vm: Int, _ meter: inout StepMeter) -> Int? {
        let from = self.state.hosts[vm]
        let candidates = self.model.domain(of: vm)
        meter.spend(1 + candidates.count / 4)
        var best: (room: Int, node: Int)?
        for node in candidates where node != from && !self.residents[node].isEmpty {
            let load = self.state.loads[node] &+ self.model.demand[vm]
            guard self.model.fits(load, on: node), self.state.groupBreachChange(moving: vm, to: node) <= 0 else {
                continue
            }
            let room = self.model.leastRoomPermille(node, load: load)
            if best.map({ (room, node) < ($0.room, $0.node) }) ?? true { best = (room, node) }
        }
        return best?.node
    }
}
