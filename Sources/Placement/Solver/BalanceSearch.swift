/// Makes the use of nodes even with few migrations: steepest descent of ``Imbalance``.
///
/// In each round the move that lowers the imbalance most is done, of all VMs to all nodes that have room and where no
/// constraint is broken; when none is left, two VMs change places. A VM that has been moved already may be moved
/// elsewhere, or back, without counting again: so what an early move took for granted is put right by later ones, and
/// fewer VMs are moved for the same evenness.
struct BalanceSearch {
    private let model: SearchModel
    private let aim: BalanceAim
    private let nodes: [Int]
    private(set) var state: SearchState
    private var imbalance: Imbalance
    private var moves: Int
    private var memoryMiB: Int

    /// - Parameter hosts: where the VMs are to begin with; what is not on its first node counts as moved.
    init(_ model: SearchModel, hosts: [Int], aim: BalanceAim) {
        self.model = model
        self.aim = aim
        self.nodes = model.nodes.indices.filter { model.nodes[$0].state == .active }
        self.state = SearchState(model, hosts: hosts)
        self.imbalance = Imbalance(model, hosts: hosts, nodes: self.nodes, weights: aim.weights)
        let moved = hosts.indices.filter { hosts[$0] != model.origin[$0] }
        self.moves = moved.count
        self.memoryMiB = moved.reduce(0) { $0 + model.vms[$1].demand.memoryMiB }
    }

    mutating func run(_ meter: inout StepMeter) {
        while !meter.isSpent, let moves = self.bestMove(&meter) ?? self.bestSwap(&meter) {
            for move in moves { self.perform(move) }
        }
    }

    private struct Move {
        var vm: Int
        var node: Int
    }

    /// The imbalance must be this or less after what is done next.
    private var ceiling: Double { self.imbalance.value - Double(self.aim.gainMinPermille) / 1_000 }

    private func bestMove(_ meter: inout StepMeter) -> [Move]? {
        var least = self.ceiling
        var best: Move?
        for vm in self.model.vms.indices where self.model.isMovable(vm) && self.mayMove([vm]) {
            let from = self.state.hosts[vm]
            let candidates = self.model.domain(of: vm)
            meter.spend(1 + candidates.count / 4)
            for node in candidates where node != from {
                let value = self.imbalance.value(moving: vm, from: from, to: node, self.model)
                guard value < least, self.admits(vm, on: node) else { continue }
                (least, best) = (value, Move(vm: vm, node: node))
            }
        }
        return best.map { [$0] }
    }

    /// Two VMs that no constraint binds to others and that are better off in each other's places.
    private func bestSwap(_ meter: inout StepMeter) -> [Move]? {
        var least = self.ceiling
        var best: [Move]?
        let free = self.model.vms.indices.filter {
            self.model.isMovable($0) && self.model.book.memberships[$0].isEmpty && self.model.mustLeave[$0] == 0
        }
        for (index, left) in free.enumerated() {
            if meter.isSpent { break }
            meter.spend((free.count - index) / 4)
            let from = self.state.hosts[left]
            for right in free[(index + 1)...] where self.state.hosts[right] != from {
                let to = self.state.hosts[right]
                let value = self.imbalance.value(swapping: left, on: from, with: right, on: to, self.model)
                guard value < least, self.admitsSwap(of: left, on: from, with: right, on: to) else { continue }
                (least, best) = (value, [Move(vm: left, node: to), Move(vm: right, node: from)])
            }
        }
        return best
    }

    private func admitsSwap(of left: Int, on from: Int, with right: Int, on to: Int) -> Bool {
        let change = self.model.demand[left] &- self.model.demand[right]
        return self.mayMove([left, right])
            && self.model.fits(self.state.loads[from] &- change, on: from)
            && self.model.fits(self.state.loads[to] &+ change, on: to)
            && self.model.domains[self.model.domainOf[left]].set.contains(to)
            && self.model.domains[self.model.domainOf[right]].set.contains(from)
    }

    /// Whether moving these VMs once more is within what may be moved.
    private func mayMove(_ vms: [Int]) -> Bool {
        let further = vms.filter { self.state.hosts[$0] == self.model.origin[$0] }
        return self.moves + further.count <= self.aim.movesMax
            && further.reduce(0) { $0 + self.model.vms[$1].demand.memoryMiB } <= self.aim.memoryMiBMax - self.memoryMiB
    }

    private func admits(_ vm: Int, on node: Int) -> Bool {
        (node == self.model.origin[vm] ? self.model.mustLeave[vm] == 0 : true)
            && self.model.fits(self.state.loads[node] &+ self.model.demand[vm], on: node)
            && self.state.groupBreachChange(moving: vm, to: node) <= 0
    }

    private mutating func perform(_ move: Move) {
        let (from, origin) = (self.state.hosts[move.vm], self.model.origin[move.vm])
        let change = (from == origin ? 1 : 0) - (move.node == origin ? 1 : 0)
        self.moves += change
        self.memoryMiB += change * self.model.vms[move.vm].demand.memoryMiB
        self.imbalance.move(move.vm, from: from, to: move.node, self.model)
        self.state.move(move.vm, to: move.node)
    }
}
