/// Makes a mapping less wrong move by move: quick at any size, and of use even where no viable mapping exists.
///
/// What it does not do: make a viable node wrong, break a constraint, or move what cannot be moved.
struct LocalRepair {
    private let model: SearchModel
    private(set) var state: SearchState
    private var outlooks: [CPUOutlook]

    init(_ model: SearchModel) {
        self.model = model
        self.state = SearchState(model, hosts: model.origin)
        self.outlooks = model.outlooks(model.origin)
    }

    /// Moves the VMs of `leaving`, the most demanding first, each where it fits with the least cost and risk.
    mutating func place(_ leaving: [Int], _ meter: inout StepMeter) {
        let sizes = leaving.map { (permille: self.model.sizePermille($0), vm: $0) }
        for (_, vm) in sizes.sorted(by: { (-$0.permille, $0.vm) < (-$1.permille, $1.vm) }) {
            if let destination = self.bestDestination(of: vm, &meter) { self.move(vm, to: destination.node) }
        }
    }

    /// Moves VMs as long as that makes the mapping less wrong, then takes back what turned out to be needless.
    mutating func descend(_ meter: inout StepMeter) {
        var stuck: Set<Int> = []
        while !meter.isSpent, self.state.violation > 0 {
            guard let vms = self.mostWrong(except: &stuck, &meter) else { break }
            if self.moveOne(of: vms, &meter) || self.moveCompanions(of: vms, &meter) || self.eject(for: vms, &meter) {
                stuck = []
            }
        }
        self.takeBackNeedless(&meter)
        self.improveSoft(&meter)
    }

    private mutating func move(_ vm: Int, to node: Int) {
        self.outlooks[self.state.hosts[vm]] -= self.model.outlook[vm]
        self.outlooks[node] += self.model.outlook[vm]
        self.state.move(vm, to: node)
    }

    /// The movable VMs of the most overloaded node, or of something else that is wrong and not yet in `stuck`; nil
    /// when nothing is left to try. What is returned counts as stuck from then on.
    private func mostWrong(except stuck: inout Set<Int>, _ meter: inout StepMeter) -> [Int]? {
        meter.spend(self.model.nodes.count)
        var worst: Int?
        for node in self.model.nodes.indices where self.state.excess[node] > 0 && !stuck.contains(node) {
            if worst.map({ self.state.excess[node] > self.state.excess[$0] }) ?? true { worst = node }
        }
        if let worst {
            stuck.insert(worst)
            return self.vms(on: worst)
        }
        // Keys behind those of the nodes: first the VMs that must leave, then the groups.
        let nodeCount = self.model.nodes.count
        if self.state.stays > 0 {
            for vm in self.model.vms.indices
            where self.model.mustLeave[vm] > 0 && self.state.hosts[vm] == self.model.origin[vm]
                && self.model.isMovable(vm) && stuck.insert(nodeCount + vm).inserted
            {
                return [vm]
            }
        }
        if self.state.groupBreaches > 0 {
            for (index, rule) in self.model.book.rules.enumerated()
            where rule.isHard && self.state.counts.breaches[index] > 0
                && stuck.insert(nodeCount + self.model.vms.count + index).inserted
            {
                return self.concerned(by: index)
            }
        }
        return nil
    }

    private func vms(on node: Int) -> [Int] {
        self.state.hosts.indices.filter { self.state.hosts[$0] == node && self.model.isMovable($0) }
    }

    private struct Destination {
        var node: Int
        var weight: Int
        var risk: Int
    }

    /// The best node on which `vm` fits without breaking anything, or nil.
    private func bestDestination(of vm: Int, _ meter: inout StepMeter) -> Destination? {
        let from = self.state.hosts[vm]
        let origin = self.model.origin[vm]
        let demand = self.model.demand[vm]
        let candidates = self.model.domain(of: vm)
        meter.spend(candidates.count)
        var best: Destination?
        for node in candidates where node != from && node != origin {
            let load = self.state.loads[node] &+ demand
            guard self.model.fits(load, on: node) else { continue }
            let change = self.state.breachChange(moving: vm, to: node)
            guard change.hard <= 0 else { continue }
            let destination = Destination(
                node: node, weight: self.model.hopWeight(vm, from: origin, to: node) + change.soft,
                risk: self.model.risk(node, self.outlooks[node] + self.model.outlook[vm])
                    - self.model.risk(node, self.outlooks[node]))
            if let known = best, (known.weight, known.risk) <= (destination.weight, destination.risk) { continue }
            best = destination
        }
        return best
    }

    /// Moves the VM whose move takes most of the violation away for its cost.
    private mutating func moveOne(of vms: [Int], _ meter: inout StepMeter) -> Bool {
        var best: (vm: Int, node: Int, price: Int)?
        for vm in vms {
            guard let destination = self.bestDestination(of: vm, &meter) else { continue }
            let change = self.state.violationChange(moving: vm, to: destination.node)
            guard change < 0 else { continue }
            let price = destination.weight / -change
            if best.map({ price < $0.price }) ?? true { best = (vm, destination.node, price) }
        }
        guard let best else { return false }
        self.move(best.vm, to: best.node)
        return true
    }

    /// Moves a VM with all that belong together with it.
    private mutating func moveCompanions(of vms: [Int], _ meter: inout StepMeter) -> Bool {
        for vm in vms {
            let party = self.model.book.party(of: vm) { self.model.book.rules[$0].bindsTogether }
            guard party.count > 1, party.allSatisfy(self.model.isMovable) else { continue }
            for node in self.model.domain(of: vm)
            where party.allSatisfy({ self.state.hosts[$0] == node || self.model.mayMove($0, to: node) }) {
                meter.spend(party.count)
                let before = self.state
                for member in party { self.move(member, to: node) }
                if self.isBetter(than: before, filling: [node]) { return true }
                for member in party { self.move(member, to: before.hosts[member]) }
            }
        }
        return false
    }

    private func isBetter(than before: SearchState, filling nodes: [Int]) -> Bool {
        self.state.violation < before.violation
            && self.state.groupBreaches <= before.groupBreaches
            && nodes.allSatisfy { self.state.excess[$0] <= before.excess[$0] }
    }

    /// Moves one of `vms` to a node from which another VM goes elsewhere to make room.
    private mutating func eject(for vms: [Int], _ meter: inout StepMeter) -> Bool {
        for vm in vms {
            let demand = self.model.demand[vm]
            for node in self.model.domain(of: vm) where self.model.mayMove(vm, to: node) && node != self.state.hosts[vm]
            {
                if meter.isSpent { return false }
                let load = self.state.loads[node] &+ demand
                let residents = self.vms(on: node)
                meter.spend(residents.count)
                let ejectable = residents.filter { self.model.fits(load &- self.model.demand[$0], on: node) }
                    .sorted { (self.model.leastHopWeight[$0], $0) < (self.model.leastHopWeight[$1], $1) }
                for other in ejectable {
                    let before = self.state
                    guard let destination = self.bestDestination(of: other, &meter)?.node else { continue }
                    self.move(other, to: destination)
                    self.move(vm, to: node)
                    if self.isBetter(than: before, filling: [node, destination]) { return true }
                    self.move(vm, to: before.hosts[vm])
                    self.move(other, to: node)
                }
            }
        }
        return false
    }

    private mutating func takeBackNeedless(_ meter: inout StepMeter) {
        let moved = self.model.vms.indices.filter { self.state.hosts[$0] != self.model.origin[$0] }
        meter.spend(moved.count)
        for vm in moved.sorted(by: { (-self.model.leastHopWeight[$0], $0) < (-self.model.leastHopWeight[$1], $1) }) {
            let origin = self.model.origin[vm]
            let load = self.state.loads[origin] &+ self.model.demand[vm]
            let spared = self.model.hopWeight(vm, from: origin, to: self.state.hosts[vm])
            if self.model.fits(load, on: origin), self.state.violationChange(moving: vm, to: origin) <= 0,
                self.state.breachChange(moving: vm, to: origin).soft <= spared
            {
                self.move(vm, to: origin)
            }
        }
    }

    /// The movable VMs that may have to do with a breach of a rule.
    private func concerned(by index: Int) -> [Int] {
        let model = self.model
        let conflicts = ConflictFinder(model, hosts: self.state.hosts) { !model.isMovable($0) }.conflicts(of: index)
        return Set(conflicts.flatMap(\.leavers) + model.book.details[index].members.map(\.vm).filter(model.isMovable))
            .sorted()
    }

    /// Moves VMs as long as that saves more in soft constraints than it costs, and makes nothing wrong.
    private mutating func improveSoft(_ meter: inout StepMeter) {
        guard self.model.book.hasSoft, self.state.violation == 0 else { return }
        var improved = true
        while improved, self.state.softCost > 0, !meter.isSpent {
            improved = false
            for (index, rule) in self.model.book.rules.enumerated()
            where !rule.isHard && self.state.counts.breaches[index] > 0 {
                for vm in self.concerned(by: index) where !meter.isSpent {
                    improved = self.moveIfItPays(vm, &meter) || improved
                }
            }
        }
    }

    private mutating func moveIfItPays(_ vm: Int, _ meter: inout StepMeter) -> Bool {
        let (origin, from) = (self.model.origin[vm], self.state.hosts[vm])
        let paid = from == origin ? 0 : self.model.hopWeight(vm, from: origin, to: from)
        guard let destination = self.bestDestination(of: vm, &meter), destination.weight < paid else { return false }
        self.move(vm, to: destination.node)
        return true
    }
}
