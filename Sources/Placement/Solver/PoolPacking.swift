/// Puts VMs that have left their nodes where there is room, without moving anything else.
///
/// The large ones first, each where the least remains; one that finds no room goes to the front and all begin anew.
struct PoolPacking {
    /// How often packing begins anew.
    private static let attemptsMax = 8

    private let model: SearchModel
    private let hosts: [Int]
    private let loads: [Amounts]
    private let counts: RuleCounts
    private let pool: [Int]
    private let scope: [Int]

    init(_ search: LeaverSearch) {
        self.model = search.model
        self.hosts = search.hosts
        self.loads = search.loads
        self.counts = search.counts
        self.pool = search.pool
        self.scope = search.scope
    }

    /// Where all VMs are then, or nil when no way was found.
    func packed(_ meter: inout StepMeter) -> [Int]? {
        var order = self.model.largestFirst(self.pool)
        for _ in 0..<Self.attemptsMax {
            switch self.attempt(order, &meter) {
            case .packed(let hosts): return hosts
            case .stuck(let index): order.insert(order.remove(at: index), at: 0)
            }
            if meter.isSpent { return nil }
        }
        return nil
    }

    private enum Attempt {
        case packed([Int])
        /// For the VM at this place in the order there was no room.
        case stuck(Int)
    }

    private func attempt(_ order: [Int], _ meter: inout StepMeter) -> Attempt {
        var (hosts, loads, counts) = (self.hosts, self.loads, self.counts)
        for (index, vm) in order.enumerated() {
            meter.spend(1 + self.scope.count / 8)
            var best: (weight: Int, left: Int, node: Int)?
            for node in self.scope where self.model.mayMove(vm, to: node) {
                let load = loads[node] &+ self.model.demand[vm]
                guard self.model.fits(load, on: node) else { continue }
                let change = counts.change(vm, from: RuleCounts.nowhere, to: node)
                guard change.hard == 0 else { continue }
                let candidate = (
                    weight: self.model.hopWeight(vm, from: self.model.origin[vm], to: node) + change.soft,
                    left: self.model.leastRoomPermille(node, load: load), node: node
                )
                if let known = best, known <= candidate { continue }
                best = candidate
            }
            guard let best else { return .stuck(index) }
            hosts[vm] = best.node
            counts.move(vm, from: RuleCounts.nowhere, to: best.node)
            loads[best.node] &+= self.model.demand[vm]
        }
        return .packed(hosts)
    }
}

extension SearchModel {
    /// What remains on `node` of the resource that is scarcest there, in permille of what it has.
    func leastRoomPermille(_ node: Int, load: Amounts) -> Int {
        let (limit, usable) = (self.limit[node], self.usable[node])
        var least = 1_000
        for resource in 0..<4 where limit[resource] < Self.unlimited {
            least = min(least, (limit[resource] - load[resource]) * 1_000 / max(usable[resource], 1))
        }
        return least
    }
}
