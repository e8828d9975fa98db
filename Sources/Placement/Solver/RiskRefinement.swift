/// Lowers the risk of a viable mapping without changing its cost: another destination for a moved VM, or another VM of
/// like weight in its place.
struct RiskRefinement {
    /// How often all moved VMs are gone through, at most.
    private static let roundsMax = 4

    private let model: SearchModel
    private(set) var state: SearchState
    private var outlooks: [CPUOutlook]
    private let softCost: Int

    init(_ model: SearchModel, hosts: [Int]) {
        self.model = model
        self.state = SearchState(model, hosts: hosts)
        self.softCost = self.state.softCost
        self.outlooks = model.outlooks(hosts)
    }

    /// The risk of the mapping as it stands.
    var risk: PlacementRisk {
        PlacementRisk(
            expectedExcessMicrocores: self.model.nodes.indices.reduce(0) { sum, node in
                self.model.nodes[node].state == .offline ? sum : sum + self.risk(of: node)
            })
    }

    mutating func run(_ meter: inout StepMeter) {
        for _ in 0..<Self.roundsMax {
            var changed = false
            for vm in self.model.vms.indices where self.state.hosts[vm] != self.model.origin[vm] {
                if meter.isSpent { return }
                if self.redirect(vm, &meter) || self.replace(vm, &meter) { changed = true }
            }
            if !changed { return }
        }
    }

    private var isAsGood: Bool { self.state.violation == 0 && self.state.softCost == self.softCost }

    private func risk(of node: Int) -> Int {
        self.model.risk(node, self.outlooks[node])
    }

    private mutating func move(_ vm: Int, to node: Int) {
        self.outlooks[self.state.hosts[vm]] -= self.model.outlook[vm]
        self.outlooks[node] += self.model.outlook[vm]
        self.state.move(vm, to: node)
    }

    private mutating func redirect(_ vm: Int, _ meter: inout StepMeter) -> Bool {
        let origin = self.model.origin[vm]
        let first = self.state.hosts[vm]
        let weight = self.model.hopWeight(vm, from: origin, to: first)
        let candidates = self.model.domain(of: vm)
        meter.spend(candidates.count)
        var best = first
        for node in candidates
        where node != best && node != origin && self.model.hopWeight(vm, from: origin, to: node) == weight
            && self.model.fits(self.state.loads[node] &+ self.model.demand[vm], on: node)
        {
            let before = self.risk(of: best) + self.risk(of: node)
            let current = self.state.hosts[vm]
            self.move(vm, to: node)
            if self.isAsGood, self.risk(of: best) + self.risk(of: node) < before {
                best = node
            } else {
                self.move(vm, to: current)
            }
        }
        return best != first
    }

    /// Lets a VM of like weight from the same node go instead of `vm`.
    private mutating func replace(_ vm: Int, _ meter: inout StepMeter) -> Bool {
        let origin = self.model.origin[vm]
        let node = self.state.hosts[vm]
        let weight = self.model.hopWeight(vm, from: origin, to: node)
        let residents = self.model.residents[origin]
        meter.spend(residents.count)
        let before = self.risk(of: origin) + self.risk(of: node)
        for other in residents
        where self.state.hosts[other] == origin && self.model.isMovable(other) && self.model.mayMove(other, to: node)
            && self.model.hopWeight(other, from: origin, to: node) == weight
        {
            self.move(vm, to: origin)
            self.move(other, to: node)
            if self.isAsGood, self.risk(of: origin) + self.risk(of: node) < before { return true }
            self.move(other, to: origin)
            self.move(vm, to: node)
        }
        return false
    }
}
